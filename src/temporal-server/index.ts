export { TemporalServerNotFoundError, findTemporalServer } from './find';
export type { FindTemporalServerOptions, TemporalServerBinary } from './find';
export type { TemporalFetcher } from './fetch';
export { startTemporalServer } from './start';
export type { RunningTemporalServer, StartTemporalServerOptions } from './start';
