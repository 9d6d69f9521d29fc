// out[c, s, m, n] = sum over the k of chunk c of A[s, m, k] * B[s, k, n], for GPUs: a workgroup computes a tile of TILE_M
// rows and TILE_N columns, and brings A and B to workgroup memory TILE_K products at a time.
//
// Each thread computes 4 rows, or with TALL 4 of the upper and 4 of the lower half of the tile; columns likewise, with
// WIDE. In workgroup memory lie quads of 4 rows of A, or columns of B, for each k, one quad of padding after each k: so
// neither those who bring blocks of 4 by 4, at most one a thread, nor those who read quads wait for each other. The blocks
// of the next step are on their way while this one is computed.
// Preamble: TILE_M, TILE_N, TILE_K; TALL, WIDE; BLOCKED where sums are long: then those of BLOCK steps are summed before
// they join the rest, as short sums have small errors; A, B and `put`: see parts/gemm.wgsl.
const THREADS_N = TILE_N / select(4u, 8u, WIDE);
const THREADS = THREADS_N * (TILE_M / select(4u, 8u, TALL));
const QUADS_K = TILE_K / 4u;
const QUADS_M = TILE_M / 4u;
const QUADS_N = TILE_N / 4u;
const BLOCKS_A = QUADS_M * QUADS_K;
const BLOCKS_B = QUADS_N * QUADS_K;
const PITCH_A = QUADS_M + 1u;
const PITCH_B = QUADS_N + 1u;

var<workgroup> tileA: array<vec4<f32>, TILE_K * PITCH_A>;
var<workgroup> tileB: array<vec4<f32>, TILE_K * PITCH_B>;

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let index = group.y * groups.x + group.x;
  let tiles = params.tilesM * params.tilesN;
  let firstM = (index % tiles / params.tilesN) * TILE_M;
  let firstN = (index % params.tilesN) * TILE_N;
  let s = (index / tiles) % params.batch;
  let chunk = index / tiles / params.batch;
  if (chunk >= params.chunks) {
    return;
  }
  // The block that this thread brings: neighbours bring what are neighbours in memory.
  let bringsA = thread < BLOCKS_A;
  let bringsB = !bringsA && thread < BLOCKS_A + BLOCKS_B;
  let blockAt = select(thread - BLOCKS_A, thread, bringsA);
  let along = select(ALONG_B, ALONG_A, bringsA);
  let quads = select(QUADS_N, QUADS_M, bringsA);
  let quad = select(blockAt % quads, blockAt / QUADS_K, along);
  let blockK = 4u * select(blockAt / quads, blockAt % QUADS_K, along);
  // The quads that it computes with.
  let quadM = thread / THREADS_N;
  let quadN = thread % THREADS_N;
  let start = chunk * params.chunkK;
  let end = min(start + params.chunkK, params.K);
  let rows = rowsOf(s, firstM + 4u * quad);
  let columns = columnsOf(s, firstN + 4u * quad);
  var c00 = mat4x4<f32>();
  var c01 = mat4x4<f32>();
  var c10 = mat4x4<f32>();
  var c11 = mat4x4<f32>();
  var t00 = mat4x4<f32>();
  var t01 = mat4x4<f32>();
  var t10 = mat4x4<f32>();
  var t11 = mat4x4<f32>();
  var block = mat4x4<f32>();
  var steps = 0u;
  // Each turn computes the step before, while the blocks of its own are on their way.
  for (var first = start; first < end + TILE_K; first += TILE_K) {
    if (first < end) {
      if (bringsA) {
        block = blockA(rows, first + blockK, end);
      } else if (bringsB) {
        block = blockB(columns, first + blockK, end);
      }
    }
    if (first > start) {
      // A bound that compilers do not know: they would unroll all of it, which takes some of them many seconds.
      for (var four = 0u; four < params.tileK; four += 4u) {
        for (var j = 0u; j < 4u; j++) {
          let k = four + j;
          let a0 = tileA[k * PITCH_A + quadM];
          let b0 = tileB[k * PITCH_B + quadN];
          c00 += outer(a0, b0);
          if (TALL) {
            c10 += outer(tileA[k * PITCH_A + QUADS_M / 2u + quadM], b0);
          }
          if (WIDE) {
            let b1 = tileB[k * PITCH_B + QUADS_N / 2u + quadN];
            c01 += outer(a0, b1);
            if (TALL) {
              c11 += outer(tileA[k * PITCH_A + QUADS_M / 2u + quadM], b1);
            }
          }
        }
      }
      if (BLOCKED) {
        steps++;
        if (steps == BLOCK) {
          steps = 0u;
          t00 += c00;
          c00 = mat4x4<f32>();
          t01 += c01;
          c01 = mat4x4<f32>();
          t10 += c10;
          c10 = mat4x4<f32>();
          t11 += c11;
          c11 = mat4x4<f32>();
        }
      }
    }
    workgroupBarrier(); // all have read the step before
    if (bringsA) {
      let at = blockK * PITCH_A + quad;
      tileA[at] = block[0];
      tileA[at + PITCH_A] = block[1];
      tileA[at + 2u * PITCH_A] = block[2];
      tileA[at + 3u * PITCH_A] = block[3];
    } else if (bringsB) {
      let at = blockK * PITCH_B + quad;
      tileB[at] = block[0];
      tileB[at + PITCH_B] = block[1];
      tileB[at + 2u * PITCH_B] = block[2];
      tileB[at + 3u * PITCH_B] = block[3];
    }
    workgroupBarrier();
  }
  let place = chunk * params.outChunk + s * params.outBatch;
  let m = firstM + 4u * quadM;
  let n = firstN + 4u * quadN;
  putBlock(place, m, n, t00 + c00);
  if (WIDE) {
    putBlock(place, m, n + TILE_N / 2u, t01 + c01);
  }
  if (TALL) {
    putBlock(place, m + TILE_M / 2u, n, t10 + c10);
    if (WIDE) {
      putBlock(place, m + TILE_M / 2u, n + TILE_N / 2u, t11 + c11);
    }
  }
}
