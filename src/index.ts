export { HttpTasksPlugin } from './plugin';
export { EncryptionPlugin } from './encryption-plugin';
export { createHttpTasksWorker } from './worker';
export { readSettings } from './config/settings';
export { readEncryptionSettings } from './config/encryption-settings';
export { SettingsError } from './config/env';
export { SourceError, SourceUnavailableError } from './sources/source';
export { defineHttpTask } from './tasks/define';
export { exactNumber } from './tasks/exact-number';
export { defineService } from './tasks/service';
export { defineProvider } from './providers/define-provider';
export { ProviderError } from './providers/problems';
export { batch, Catalogue, http, plaid } from './providers/catalogue';
export { PLAINTEXT_REFUSED, TASK_FAILURE_TYPES, isTaskFailureType } from './tasks/failure';
export { taskFailureOf } from './workflows/failure-of';
export { offboardingFailureOf } from './workflows/offboarding-failure';
export type { HttpTasksPluginOptions } from './plugin-options';
export type { EncryptionPluginOptions } from './encryption-plugin';
export type { HttpTasksWorkerOptions } from './worker';
export type { Settings } from './config/settings';
export type { EncryptionSettings, PlaintextPolicy } from './config/encryption-settings';
export type { SourceFactory } from './sources/open-source';
export type { BadRow, GoodRow, RowsOptions, Source, SourcePosition, SourceRow } from './sources/source';
export type {
  CallTimeouts,
  Effect,
  FieldPlace,
  HttpMethod,
  HttpTask,
  SensitiveField,
  TaskInput,
  TaskOutput,
} from './tasks/define';
export type { AbsentSign, GivenSettle, Settle, SettleByLook, SettleInSteps } from './tasks/settle';
export type { AuthMethod, ClientCredentials } from './tasks/service';
export type {
  CredentialRule,
  ErrorRule,
  ErrorTaxonomy,
  ImportedService,
  RateLimit,
  ServiceDefinition,
} from './tasks/service';
export type { AnswerForm, BodyForm, FieldWriting, FormFieldWriting, ValueWriting, WritingStyle } from './tasks/wire';
export type { NumberLimits } from './tasks/exact-number';
export type {
  AfterDefinition,
  CallDefinition,
  IdDefinition,
  ListDefinition,
  ManualDefinition,
  OnceDefinition,
  Provider,
  ProviderInput,
  RequestDefinition,
  StepChoice,
  StepDefinition,
} from './providers/definition';
export type { ProviderProblem } from './providers/problems';
export type { Condition, StatePattern } from './policy/providers/path';
export type { Template } from './policy/providers/template';
export type { TaskFailure, TaskFailureType } from './tasks/failure';
export type { OffboardingFailure } from './workflows/offboarding-failure';
export type { OffboardUserInput } from './policy/offboard-input';
export type { OffboardUsersInput } from './policy/sweep-input';
export type { OutcomeCounts, SweepProgress, SweepResult, SweepStatus } from './policy/sweep-result';
export type { CompensationLine, OffboardResult, StepResult } from './policy/offboard-result';
export type { Outcome, RunStatus } from './policy/outcome';
export type { TargetUser } from './policy/target-reference';
export type { TaskEnvelope } from './activities/contract';
export type { OffboardProgress } from './workflows/progress';
export type { RunHttpTaskInput } from './workflows/run-http-task';
