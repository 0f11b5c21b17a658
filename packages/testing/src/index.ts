/**
 * `@temporal-http-tasks/testing`: simulators of Plaid and Batch with state, authentication, limits and faults, for tests
 * and demos without a provider. They listen on the loopback interface only and share no code with the tasks that call
 * them. The types below describe their control API, which is served under `/__sim/`.
 */
export { startPlaidSimulator } from './simulators/plaid/plaid-simulator';
export type { PlaidSimulator, PlaidSimulatorOptions } from './simulators/plaid/plaid-simulator';
export { startBatchSimulator } from './simulators/batch/batch-simulator';
export type { BatchSimulator, BatchSimulatorOptions } from './simulators/batch/batch-simulator';
export { startSimulators } from './simulators/start-simulators';
export type { Simulators, SimulatorsOptions } from './simulators/start-simulators';
export { ControlError } from './simulators/control-error';
export type { RunningSimulator, SimulatorOptions } from './simulators/simulator';
export type {
  BatchSeedInput,
  BatchSettingsInput,
  FaultKind,
  FaultRule,
  FaultRuleInput,
  PlaidSeedInput,
  PlaidSettingsInput,
  RetryAfterForm,
} from './simulators/control-api';
export type {
  BatchAppFigures,
  BatchAppState,
  BatchState,
  BatchStateFigures,
  CallFigures,
  CallList,
  CallRecord,
  FaultList,
  FaultStatus,
  GdprRequestState,
  PlaidState,
  PlaidStateFigures,
  Repeat,
  Repeats,
  SeedSummary,
  StateFigures,
} from './simulators/control-responses';
