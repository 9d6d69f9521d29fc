// The notes' claim about batch norm, measured: a small network with and without it, trained at many learning rates.
import { data, fit as fitModel, manualSeed, nn, optim } from 'downhill';
import { loadMnist } from 'downhill/node';

export interface Trained {
  batchNorm: boolean;
  lr: number;
  /** Training loss of every step. */
  losses: number[];
  /** Mean training loss of the last epoch; NaN where training broke down. */
  loss: number;
}

const EPOCHS = 4;
const IMAGES = 1000;
const BATCH = 50;

/** The loss of guessing among ten digits. */
export const CHANCE = Math.log(10);

/** What trains, by plain SGD on the first thousand digits of MNIST, a ReLU network of three hidden layers of 64 units. */
export async function trainer(): Promise<(batchNorm: boolean, lr: number) => Promise<Trained>> {
  const { train } = await loadMnist();
  const digits = data.slice(train, 0, IMAGES);
  const hidden = (inputs: number, batchNorm: boolean) => [
    new nn.Linear(inputs, 64),
    ...(batchNorm ? [new nn.BatchNorm1d(64)] : []),
    new nn.ReLU(),
  ];
  return async (batchNorm, lr) => {
    manualSeed(1);
    const layers = [784, 64, 64].flatMap((inputs) => hidden(inputs, batchNorm));
    const model = new nn.Sequential(new nn.Flatten(), ...layers, new nn.Linear(64, 10));
    const optimizer = new optim.SGD(model.parameters(), { lr });
    const losses: number[] = [];
    const onStep = ({ loss }: { loss: number }) => void losses.push(loss);
    const epochs = await fitModel(model, {
      ...{ data: digits, optimizer, epochs: EPOCHS, batchSize: BATCH },
      callbacks: [{ onStep }],
    });
    optimizer.dispose();
    model.dispose();
    return { batchNorm, lr, losses, loss: epochs.at(-1)!.trainLoss };
  };
}
