/** The JSON exchanged between the gateway and its page. Types only, because the page is compiled for the browser. */

export type WireEffect = 'read' | 'repeatSafe' | 'irreversible';

/** Why a request was refused. */
export interface WireError {
  error: {
    type: string;
    /** The path in the input, or the setting. */
    field?: string;
    message: string;
    /** The confirmation that the same request needs to be accepted. */
    needed?: Confirmation;
    /** Rows of a file that are wrong, each with its line; the first ones. */
    rows?: string[];
  };
}

/** Typed by a person: the name of an irreversible task, and of a production environment. */
export interface Confirmation {
  task?: string;
  environment?: string;
}

export interface AboutGateway {
  version: string;
  taskQueue: string;
  tasks: number;
  /** Name of the environment of runs; absent if unknown. */
  environment?: string;
  /** The same, if runs affect real people's data. */
  production?: string;
  /** Absent if the gateway has no Temporal server. */
  temporal?: { where: string; ui?: string };
}

/** Links to forms of the Temporal UI, each with an example that changes nothing. */
export interface StartForms {
  workflows: { workflowType: string; url: string }[];
}

export interface TaskLine {
  name: string;
  summary: string;
  service: string;
  method: string;
  path: string;
  effect: WireEffect;
  /** A successful call deletes data. */
  deletes: boolean;
  tags: readonly string[];
}

export interface FieldLine {
  field: string;
  type: string;
  required: boolean;
  description: string;
  limits: string;
}

/** What an error response means. */
export interface FailureLine {
  /** The provider's name of the error or its type; empty if it has none. */
  error: string;
  /** Empty where any status counts. */
  status: string;
  code: string;
  /** What the call fails with. */
  failure: string;
  advice: string;
}

/** How a field of the input is filled in. */
export interface FormField {
  name: string;
  /** `json` for fields without a control of their own; `secrets` for several, with `;` between them. */
  control: 'text' | 'secret' | 'secrets' | 'number' | 'boolean' | 'choice' | 'list' | 'json';
  required: boolean;
  description: string;
  limits: string;
  choices?: string[];
  /** Its path in the input, if that is not its name. */
  path?: string[];
  /** Rarely needed; shown on demand. */
  more?: boolean;
}

export interface TaskPage extends TaskLine {
  serviceTitle: string;
  description: string;
  /** What to know about it besides its description; empty if there is nothing. */
  notes: string;
  docs: string;
  remedy: string;
  /** What happens when a response is lost. */
  lostResponse: string;
  form: FormField[];
  /** Where the service is reached; empty for a request to any address. */
  servers: { environment: string; url: string; production: boolean }[];
  /** Headers that are sent besides those about the connection. */
  headers: { name: string; value: string; required: boolean; about: string }[];
  /** What holds for the input as a whole, such as which fields exclude each other. */
  rules: string[];
  input: FieldLine[];
  output: FieldLine[];
  failures: FailureLine[];
  limits: string[];
  settings: string[];
  /** Fields that contain a user's bearer token. */
  sensitive: string[];
  /** Name of the environment, if the workers call this service for real people's data. */
  workersProduction?: string;
}

/** A problem with a field of an input. */
export interface InputProblem {
  field: string;
  message: string;
}

export interface PreparedCall {
  problems: InputProblem[];
  request?: { method: string; url: string; headers: Record<string, string>; body?: string };
  /** What a test request of this call has to be confirmed with. */
  guard: {
    effect: WireEffect;
    /** The name of the task has to be typed. */
    named: boolean;
    production: boolean;
    environment: string;
  };
  snippets: { language: string; title: string; code: string; why?: string }[];
  placeholders: string[];
  /** Fields that contain a user's bearer token; the code contains it too. */
  tokens: string[];
}

export interface CallRequest {
  input: unknown;
  confirm?: Confirmation;
}

export interface WireFailure {
  type: string;
  message: string;
  code?: string;
  field?: string;
}

export interface TestResponse {
  ok: boolean;
  status?: number;
  reason?: string;
  headers?: Record<string, string>;
  /** The provider's response without secrets: parsed if it is JSON, otherwise text. */
  body?: unknown;
  requestId?: string;
  environment: string;
  timeMs: number;
  failure?: WireFailure;
  /** The ID of the call's receipts in the ledger. */
  receipts?: string;
  /** Additional information for the user. */
  note?: string;
}

export interface StartedCall {
  workflowId: string;
  runId: string;
  url?: string;
}

/** A run that was started, or joined because one with the same input was in progress. */
export interface StartedRun extends StartedCall {
  joined: boolean;
}

/** The form that starts the offboarding of one user from the page. */
export interface OffboardingForm {
  form: FormField[];
  /** What holds for the input as a whole. */
  rules: string[];
  /** The environment by the gateway's own settings. */
  environment?: string;
  production?: boolean;
  /** Why an offboarding cannot be started here. */
  problem?: string;
}

export interface DurableCall extends StartedCall {
  /** Temporal's name for the status: RUNNING, COMPLETED, FAILED, … */
  status: string;
  /** Number of the attempt in progress. */
  attempt?: number;
  /** Why the last attempt failed. */
  lastFailure?: string;
  nextTryAt?: string;
  result?: { status: number; requestId?: string; attempt: number; output: unknown };
  failure?: WireFailure;
}

export interface SettingState {
  setting: string;
  state: 'set' | 'missing' | 'wrong';
  from?: 'variable' | 'file' | 'entered';
  /** Names of the keys, if the setting contains several. */
  slots?: string[];
  problem?: string;
}

export interface ServiceCredentials {
  service: string;
  title: string;
  environment: string;
  production: boolean;
  baseUrl: string;
  settings: SettingState[];
  problems: string[];
  /** Whether there is a harmless call to check the keys with. */
  checkable: boolean;
  /** For an imported service: which settings are sent to which origin, one line per key. */
  keysGoTo?: string[];
}

export interface CredentialCheck {
  checks: { slot?: string; verdict: 'accepted' | 'refused' | 'unknown'; message: string }[];
}

export interface RunLine {
  workflowId: string;
  runId: string;
  type: string;
  /** The run's own status if known, otherwise Temporal's. */
  status: string;
  startedAt: string;
  closedAt?: string;
  /** When the request is due, as the run recorded it. */
  dueBy?: string;
  url?: string;
  /** Progress of the run; absent if unknown. */
  progress?: {
    phase?: string;
    pausedBecause?: string;
    /** The name given by the person who approved; not verified. */
    approvedBy?: string;
    total?: number;
    counts: Record<string, number>;
    /** Users of a sweep who are done but for a bulk call; counted as pending. */
    waitingForBulk?: number;
    /** It changes nothing; only where the ledger says so. */
    dryRun?: true;
  };
}

/** One page of runs. */
export interface RunList {
  runs: RunLine[];
  /** The offset of the next page; absent on the last. */
  next?: number;
}

/** What a sweep was started with; no IDs of users. */
export interface SweepFacts {
  source: string;
  /** It changes nothing. */
  dryRun?: true;
  reason?: string;
  /** Who asked for it; not verified. */
  requestedBy?: string;
  /** The other options of its input, as JSON. */
  options?: string;
}

/** A step of a sweep's user that needs attention. */
export interface FailedLine {
  /** The number of the user in the sweep, from 1. */
  user: number;
  reference?: string;
  /** The line of the source. */
  line?: number;
  step: string;
  /** The account at the step's provider; absent for its default account. */
  account?: string;
  outcome: string;
  code?: string;
  requestId?: string;
  whatToDo: string;
}

/** One call in the ledger. */
export interface ReceiptLine {
  at: string;
  /** With its account, unless it is the default one. */
  step: string;
  /** The keyed hash of the user. */
  subject: string;
  outcome?: string;
  requestId?: string;
  token?: string;
}

/** A key of a service, whose calls share a limit. */
export interface RateKeyLine {
  service: string;
  keySlot?: string;
}

/** Status and receipts of one run. */
export interface RunPage extends RunLine {
  steps: {
    step: string;
    task?: string;
    outcome: string;
    requestId?: string;
    token?: string;
    message?: string;
    items?: number;
  }[];
  /** Why there are no steps. */
  note?: string;
  /** Why the run ended without a result, as the run itself reported it. */
  failure?: WireFailure;
  /** For a sweep, if its input can be read. */
  sweep?: SweepFacts;
  /** For a sweep: the steps that need attention, user by user; absent if the gateway has no ledger. */
  failed?: FailedLine[];
  /** There are more of them. */
  moreFailed?: boolean;
  /** For a sweep: the keys whose rate can be set; absent if the gateway has no ledger, or the source is not read yet. */
  rateKeys?: RateKeyLine[];
  /** For a sweep that waits for signed approvals. */
  toSign?: {
    environment: string;
    signatures: number;
    signedBy: readonly string[];
    snapshotDigest: string;
    planDigest: string;
  };
  /** For a sweep that was sealed, if the gateway has its ledger. */
  evidence?: { merkleRoot: string; leaves?: number; head?: Record<string, unknown> };
  /** The first receipts; absent if the gateway has no ledger. */
  receipts?: ReceiptLine[];
}
