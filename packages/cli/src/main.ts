import { runCommandLine } from './program';
import { runProcess } from './run-process';

runProcess(runCommandLine);
