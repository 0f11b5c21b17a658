/** `@temporal-http-tasks/console`: the gateway and its web page, for a process of your own. */
export { startGateway } from './gateway/start-gateway';
export type { GatewayAddress, RunningGateway } from './gateway/start-gateway';
export type { GatewayOptions } from './gateway/gateway';
export type { CommandEnd, RunCommand } from './gateway/parts';
