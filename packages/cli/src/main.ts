import { runCommandLine } from './program/program';
import { runProcess } from './program/run-process';

runProcess(runCommandLine);
