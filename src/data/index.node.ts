// Loaders that read files (Node only).
export { loadCifar10 } from './cifar10.node.ts';
export { loadFashionMnist } from './fashion-mnist.node.ts';
export { type ImageFolder, type ImageFolderOptions, imageFolder } from './image-folder.node.ts';
export { loadMnist } from './mnist.node.ts';
export { loadNpy, readNpy } from './npy.node.ts';
