// The `downhill` command. Errors that a user can mend are one line on stderr and exit code 1.
import { Command } from 'commander';

const program = new Command('downhill').description('Train neural networks on any GPU, and prove its kernels.');
program.showHelpAfterError('(run with --help for the flags)').exitOverride();

await program.parseAsync().catch((error) => {
  process.exitCode = 1;
  console.error(String(error));
});
