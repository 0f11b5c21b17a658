export { TemporalServerNotFoundError, findTemporalServer } from './find';
export type { FindTemporalServerOptions } from './find';
export type { TemporalFetcher } from './fetch';
export { isPortFree, startTemporalServer } from './start';
export type { RunningTemporalServer } from './start';
