/**
 * The simulators of `@temporal-http-tasks/testing`, which has to be installed.
 *
 * @deprecated Import from `@temporal-http-tasks/testing`.
 */
export { ControlError, startBatchSimulator, startPlaidSimulator, startSimulators } from '@temporal-http-tasks/testing';
export type {
  BatchAppFigures,
  BatchAppState,
  BatchSeedInput,
  BatchSettingsInput,
  BatchSimulator,
  BatchSimulatorOptions,
  BatchState,
  BatchStateFigures,
  CallFigures,
  CallList,
  CallRecord,
  FaultKind,
  FaultList,
  FaultRule,
  FaultRuleInput,
  FaultStatus,
  GdprRequestState,
  PlaidSeedInput,
  PlaidSettingsInput,
  PlaidSimulator,
  PlaidSimulatorOptions,
  PlaidState,
  PlaidStateFigures,
  Repeat,
  Repeats,
  RetryAfterForm,
  RunningSimulator,
  SeedSummary,
  SimulatorOptions,
  Simulators,
  SimulatorsOptions,
  StateFigures,
} from '@temporal-http-tasks/testing';
