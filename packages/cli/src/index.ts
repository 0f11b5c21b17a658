/** `@temporal-http-tasks/cli`: what the command `http-tasks worker` runs, for a process of your own. */
export { runWorker } from './worker-process/run-worker';
