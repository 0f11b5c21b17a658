import type { Outcome } from '../policy/outcome';
import type { StatePattern } from '../policy/providers/path';
import type { PlannedStep } from '../policy/providers/step-plan';
import type { Template } from '../policy/providers/template';
import type { HttpTask } from '../tasks/define';
import type { ServiceDefinition } from '../tasks/service';

/** An ID by which a provider knows a user. */
export interface IdDefinition {
  /** What it is, for people. */
  about: string;
  /** The user may have several. */
  list?: boolean;
  /** What the ID has to be; it is always given as a text. @default text */
  type?: 'text' | 'integer';
  /** A secret bound to the user, such as an access token: refused in plain histories and masked wherever it is shown. */
  sensitive?: boolean;
  /** The other ID of which exactly one may be given. */
  instead?: string;
}

/** A call of a step. The task is named by its operation, or by its full name. */
export interface CallDefinition {
  task: string;
  /** @default {} */
  input?: Template;
  /** Good responses that say: what the call is about does not exist. */
  absent?: readonly StatePattern[];
  /** Good responses that say that the call failed. */
  failed?: readonly StatePattern[];
}

/** A step that must have succeeded before. */
export interface AfterDefinition {
  /** The full name of an earlier step. */
  step: string;
  /** The outcomes that block. @default failed and unknown */
  unless?: readonly Outcome[];
  reason: string;
}

interface StepBase {
  /** The step's name, to which the provider's is prefixed; permanent. */
  step: string;
  /** IDs without which there is nothing to do; one of a list of IDs is enough. @default the IDs of its calls */
  needs?: readonly (string | readonly string[])[];
  after?: readonly AfterDefinition[];
  /** Runs only when it is included. @default false */
  optional?: boolean;
  /** The name of the key that the calls use; for providers with several. */
  keySlot?: string;
}

/** See {@link StepDefinition}. */
export interface OnceDefinition extends StepBase {
  kind: 'once';
  act: CallDefinition;
  /** A lost call is settled by this read, after `lag`: a duration such as `10 s`. @default 5 s */
  look?: CallDefinition & { lag?: string };
  /** An ID that is a list: one call for each entry. */
  each?: string;
  /** Look before anything is sent, and send nothing for a user who is absent. @default false */
  lookFirst?: boolean;
  /** How a sweep does it for many users in one call. */
  bulk?: Omit<CallDefinition, 'absent' | 'failed'> & {
    /**
     * Good responses that report a failure for one of the IDs. The call is repeated with half of them until the ID is
     * found.
     */
    failed?: readonly StatePattern[];
    /** Maximum number of IDs in one call. */
    most: number;
    /** Maximum size of one call's body, in bytes. @default 1,000,000 */
    mostBytes?: number;
    /** Provider codes of a call that was refused for one of its IDs. @default none */
    refusedFor?: readonly (string | number)[];
  };
}

/** See {@link StepDefinition}. */
export interface ListDefinition extends StepBase {
  kind: 'list';
  look: CallDefinition & {
    /** Dotted path to the items' IDs. */
    items: string;
    /** Dotted path to the next page's cursor or URL. */
    next?: string;
    /** The field of the look's input that takes the cursor. */
    cursor?: string;
  };
  /** Uses `${items}` or `${item}`. */
  act: CallDefinition & {
    /** Maximum number of items in one call; with `${items}`. */
    most?: number;
  };
  /** An ID that is a list: the only items to remove. */
  only?: string;
}

/** See {@link StepDefinition}. */
export interface RequestDefinition extends StepBase {
  kind: 'request';
  act: CallDefinition;
  /** Dotted path to the request's handle in the response to `act`. */
  handle: string;
  /** Uses `${handle}`. */
  follow: Omit<CallDefinition, 'absent' | 'failed'>;
  /** Dotted path to the text of the state in the response to `follow`. */
  state: string;
  done: readonly StatePattern[];
  failed?: readonly StatePattern[];
  absent?: readonly StatePattern[];
  proceed?: Omit<CallDefinition, 'absent' | 'failed'> & { when: readonly StatePattern[] };
  find?: Omit<CallDefinition, 'absent' | 'failed'> & {
    /** Dotted path to the list of requests. @default the response is the list */
    items?: string;
    match: Readonly<Record<string, Template>>;
    handle: string;
  };
}

/** See {@link StepDefinition}. */
export interface ManualDefinition extends StepBase {
  kind: 'manual';
  title: string;
  instructions: string;
}

/**
 * One step of an offboarding.
 *
 * - `once`: one call, or one for each ID of a list.
 * - `list`: look, act on what is listed, look again until nothing is left.
 * - `request`: file a request and follow it to its end.
 * - `manual`: wait for a person.
 */
export type StepDefinition = OnceDefinition | ListDefinition | RequestDefinition | ManualDefinition;

/** What a provider's steps depend on. */
export interface StepChoice<Options = unknown> {
  /** The names of the configured keys; one, `default`, for a provider without named keys. */
  keys: readonly string[];
  /** From the input's object of the provider's name. */
  options: Options;
  /** The provider's IDs that a user of the run or sweep has. @default not known */
  ids?: readonly string[];
}

/** What {@link defineProvider} takes. */
export interface ProviderInput<Options = unknown> {
  /** A lower-case letter, then letters and digits; permanent: the prefix of tasks, steps and settings. */
  name: string;
  title: string;
  /** The provider's own pages. */
  docs?: string;
  service: ServiceDefinition;
  /** Tasks of the service. Which fields are the user's, or an item's, follows from the steps. */
  tasks: readonly HttpTask[];
  ids: Readonly<Record<string, IdDefinition>>;
  /** In their order; a function where they depend on keys or options. */
  steps: readonly StepDefinition[] | ((at: StepChoice<Options>) => readonly StepDefinition[]);
}

/** A provider: a service, its tasks, the IDs by which it knows a user, and the steps that offboard a user there. */
export interface Provider {
  name: string;
  title: string;
  docs: string;
  service: ServiceDefinition;
  tasks: readonly HttpTask[];
  ids: Readonly<Record<string, IdDefinition>>;
  steps(at: StepChoice): readonly StepDefinition[];
  /** What the plans of a provider have that a definition cannot say; only of those that come with the package. */
  refine?(steps: readonly PlannedStep[], at: StepChoice): readonly PlannedStep[];
}
