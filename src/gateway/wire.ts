/** What the gateway and its page tell each other, as JSON. Types only: the page is compiled for the browser. */

export type WireEffect = 'read' | 'repeatSafe' | 'irreversible';

/** Whatever was refused, and why. */
export interface WireError {
  error: {
    type: string;
    /** The path in the input, or the setting. */
    field?: string;
    message: string;
    /** What has to come along for the same request to be taken. */
    needed?: Confirmation;
  };
}

/** Typed by a person: the name of a task that cannot be undone, and of an environment with real people's data. */
export interface Confirmation {
  task?: string;
  environment?: string;
}

export interface AboutGateway {
  version: string;
  taskQueue: string;
  tasks: number;
  /** The environment's name, where runs go to real people's data. */
  production?: string;
  /** Absent where the gateway knows no Temporal server. */
  temporal?: { where: string; ui?: string };
}

/** Links to forms of the Temporal UI, with an example in them that changes nothing. */
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
  tags: readonly string[];
}

export interface FieldLine {
  field: string;
  type: string;
  required: boolean;
  description: string;
  limits: string;
}

/** How a field of the input is filled in. */
export interface FormField {
  name: string;
  /** `json` for whatever has no control of its own. */
  control: 'text' | 'secret' | 'number' | 'boolean' | 'choice' | 'list' | 'json';
  required: boolean;
  description: string;
  limits: string;
  choices?: string[];
  /** Where it stands in the input, when that is not under its name. */
  path?: string[];
  /** Seldom needed: shown on demand. */
  more?: boolean;
}

export interface TaskPage extends TaskLine {
  serviceTitle: string;
  description: string;
  docs: string;
  remedy: string;
  /** How a lost answer is settled, in words. */
  settle?: string;
  form: FormField[];
  input: FieldLine[];
  output: FieldLine[];
  failures: { answer: string; failure: string; advice: string }[];
  limits: string[];
  settings: string[];
  /** Fields that hold a user's bearer token. */
  sensitive: string[];
  /** The environment's name, where the workers call this service for real people's data. */
  workersProduction?: string;
}

/** What is wrong with a field of an input. */
export interface InputProblem {
  field: string;
  message: string;
}

export interface PreparedCall {
  problems: InputProblem[];
  request?: { method: string; url: string; headers: Record<string, string>; body?: string };
  /** What a Test request of this call asks for. */
  guard: { effect: WireEffect; production: boolean; environment: string };
  snippets: { language: string; title: string; code: string; why?: string }[];
  placeholders: string[];
  /** Fields in which a user's bearer token stands; the code holds it too. */
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

export interface TestAnswer {
  ok: boolean;
  status?: number;
  reason?: string;
  headers?: Record<string, string>;
  /** What the provider answered, without secrets: parsed where it is JSON, else text. */
  body?: unknown;
  requestId?: string;
  environment: string;
  timeMs: number;
  failure?: WireFailure;
  /** The id under which the ledger has receipts of the call. */
  receipts?: string;
  /** What a person should know besides. */
  note?: string;
}

export interface StartedCall {
  workflowId: string;
  runId: string;
  url?: string;
}

/** A run that was started, or joined because it was under way with the same input. */
export interface StartedRun extends StartedCall {
  joined: boolean;
}

/** How the off-boarding of one user is started from the page. */
export interface OffboardingForm {
  form: FormField[];
  /** Where it would lead, by the gateway's own settings. */
  environment?: string;
  production?: boolean;
  /** Why none can be started here. */
  problem?: string;
}

export interface DurableCall extends StartedCall {
  /** As Temporal names it: RUNNING, COMPLETED, FAILED, … */
  status: string;
  /** Which attempt is under way. */
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
  /** Names of the keys in it, where it holds several. */
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
  /** Whether there is a harmless call to try the keys with. */
  checkable: boolean;
  /** For a service imported from a document: which settings go to which origin, one line for each key. */
  keysGoTo?: string[];
}

export interface CredentialCheck {
  checks: { slot?: string; verdict: 'accepted' | 'refused' | 'unknown'; message: string }[];
}

export interface RunLine {
  workflowId: string;
  runId: string;
  type: string;
  /** As the run says it itself, else as Temporal does. */
  status: string;
  startedAt: string;
  closedAt?: string;
  url?: string;
  /** How the run stands; absent where nobody could tell. */
  progress?: {
    phase?: string;
    pausedBecause?: string;
    /** What the person who approved called themselves: a claim that nothing has verified. */
    approvedBy?: string;
    total?: number;
    counts: Record<string, number>;
    /** Users of a sweep who are done at Plaid and wait for Batch; counted as pending. */
    waitingForBulk?: number;
  };
}

/** What the ledger keeps of one call. */
export interface ReceiptLine {
  at: string;
  step: string;
  /** The keyed hash of the user. */
  subject: string;
  outcome?: string;
  requestId?: string;
  token?: string;
}

/** How one run stands, with its receipts. */
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
  /** The first of them; absent where the gateway has no ledger. */
  receipts?: ReceiptLine[];
}
