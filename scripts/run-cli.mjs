// `npm run demo -- --json`: installs and builds what is missing, then is the command `http-tasks demo --json`. With --lab
// first, as in `npm run bench`, it is a command of the laboratory.
import Module from 'node:module';
import { join } from 'node:path';
import { ROOT } from './commands.mjs';
import { HTTP_TASKS } from './packages.mjs';
import { build } from './build.mjs';

try {
  await build();
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
// The command takes this process over instead of becoming its child: signals and the exit code need no passing on.
if (process.argv[2] === '--lab') process.argv.splice(1, 2, join(ROOT, 'lab', 'dist', 'main.js'));
else process.argv[1] = HTTP_TASKS;
Module.runMain();
