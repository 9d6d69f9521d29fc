#!/bin/sh
# The benchmarks of downhill on a Linux x64 machine with the driver of its GPU and nothing else.
# Give it the options of the bench (--help). Results go to ./results.
set -e
here=$(cd "$(dirname "$0")" && pwd)
name=downhill-bench-@HASH@

# Unpacked once: into the user's cache, or else beside the other temporary files.
folder="${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/$name"
if ! mkdir -p "$folder" 2>/dev/null; then
  folder="${TMPDIR:-/tmp}/$name-$(id -u)"
  mkdir -p -m 700 "$folder"
fi
if [ ! -e "$folder/complete" ]; then
  gzip -dc "$here/bench.tar.gz" | tar -xf - -C "$folder" --no-same-owner
  : > "$folder/complete"
fi

# A C++ runtime of its own, where the system has none.
if ! "$folder/node" --version >/dev/null 2>&1; then
  export LD_LIBRARY_PATH="$folder/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
fi

# Containers often have NVIDIA's libraries without the file that tells a Vulkan loader about them.
if [ -z "$VK_DRIVER_FILES$VK_ICD_FILENAMES" ] && ! ls /etc/vulkan/icd.d/*nvidia* /usr/share/vulkan/icd.d/*nvidia* >/dev/null 2>&1; then
  given=/usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json
  if [ -e "$given" ]; then
    export VK_DRIVER_FILES="$given"
  else
    for library in libGLX_nvidia.so.0 libEGL_nvidia.so.0; do
      for at in /usr/lib/x86_64-linux-gnu /usr/lib64 /usr/lib /usr/local/nvidia/lib64 /usr/local/nvidia/lib; do
        if [ -e "$at/$library" ]; then
          printf '{"file_format_version":"1.0.1","ICD":{"library_path":"%s","api_version":"1.3.0"}}\n' "$at/$library" > "$folder/nvidia_icd.json"
          export VK_DRIVER_FILES="$folder/nvidia_icd.json"
          export LD_LIBRARY_PATH="${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$at"
          break 2
        fi
      done
    done
  fi
fi

exec "$folder/node" "$folder/main.js" --data "$folder/mnist" --out results "$@"
