import { didYouMean } from '../tasks/nearest';
import { OUTCOMES } from '../policy/outcome';
import { quantified, whyNoPath } from '../policy/providers/path';
import type { Quantifier, StatePattern } from '../policy/providers/path';
import type {
  AfterRule,
  ListStep,
  OnceStep,
  PlannedBulk,
  PlannedCall,
  PlannedLook,
  PlannedStep,
  PlannedTask,
  RequestStep,
} from '../policy/providers/step-plan';
import { STEP_KINDS } from '../policy/providers/step-plan';
import { inOrder } from '../policy/user-ids';
import { filledFrom, markPlaces, placeholdersIn } from '../policy/providers/template';
import { SETTLE_MS } from '../policy/steps/step';
import type { HttpTask } from '../tasks/define';
import { CONDITIONS, CallReader, isRecord, placesIn } from './call-reader';
import type { Raw, StepOwner } from './call-reader';
import { oneOf, Problems } from './problems';
import type { ProviderProblem } from './problems';

/** Default maximum size of a bulk call's body, in bytes: what passes a proxy with default limits. */
const MOST_BULK_BYTES = 1_000_000;

/**
 * How long a refused check of a request is repeated, in milliseconds: a new request may not be visible everywhere yet.
 */
const FOLLOW_PATIENCE_MS = 60_000;

const REASON = /^[a-z][A-Za-z0-9]*$/;
const STEP_NAME = /^[a-zA-Z0-9][\w-]*$/;

const STEP_KEYS = ['step', 'kind', 'needs', 'after', 'optional', 'keySlot'];
const KIND_KEYS = {
  once: ['act', 'look', 'each', 'lookFirst', 'bulk'],
  list: ['look', 'act', 'only', 'most'],
  request: ['act', 'handle', 'follow', 'state', 'done', 'failed', 'absent', 'proceed', 'find'],
  manual: ['title', 'instructions'],
} as const satisfies Record<PlannedStep['kind'], readonly string[]>;

/** A planned step, and whether it runs only when it is included. */
export interface ReadStep {
  planned: PlannedStep;
  optional: boolean;
}

/** A provider's steps as a plan has them, with every mistake in their definitions. */
export interface ReadSteps {
  steps: ReadStep[];
  problems: ProviderProblem[];
}

/** Returns the task's facts as a plan has them. */
export function plannedTask(task: HttpTask): PlannedTask {
  const absentIfGood = (task.absentStatuses ?? []).filter((status) => status < 300);
  return {
    effect: task.effect,
    means: task.answerMeans,
    absent: [...task.absentCodes, ...(task.absentStatuses ?? [])],
    ...(absentIfGood.length > 0 && { absentIfGood }),
    repeat: task.effect === 'repeatSafe' || task.settle?.by === 'resend' || task.settle?.by === 'repeat',
    summary: task.summary,
    remedy: task.remedy,
  };
}

/**
 * Reads a provider's steps, from TypeScript or from a file, and reports every mistake in names, tasks, placeholders,
 * paths and what each kind requires.
 *
 * @param raw The steps in their order, as their author wrote them.
 */
export function readSteps(owner: StepOwner, raw: readonly unknown[]): ReadSteps {
  const problems = new Problems();
  const names: string[] = [];
  const steps = raw.flatMap((step, index) => {
    const read = new StepReader(owner, problems, `steps[${index}]`, names).read(step);
    // A step with a mistake is there for those after it.
    if (isRecord(step) && typeof step.step === 'string') names.push(`${owner.name}.${step.step}`);
    return read ? [read] : [];
  });
  const last = steps.flatMap(({ planned }) => planned.after.map(({ step }) => step));
  steps.forEach(({ planned }, index) => {
    if (planned.kind === 'once' && planned.bulk && last.includes(planned.step))
      problems.add(`steps[${index}].bulk`, 'no step may come after one with bulk: sweeps make its calls last');
  });
  return { steps, problems: problems.found };
}

/** The parts of a step that only its kind has. */
type OwnPart<S> = S extends PlannedStep
  ? Omit<S, 'step' | 'provider' | 'ids' | 'provesIds' | 'keySlot' | 'when' | 'skips' | 'after'>
  : never;

class StepReader extends CallReader {
  readonly #earlier: readonly string[];

  constructor(owner: StepOwner, problems: Problems, place: string, earlier: readonly string[]) {
    super(owner, problems, place);
    this.#earlier = earlier;
  }

  read(step: unknown): ReadStep | undefined {
    if (!isRecord(step)) return this.refuse('', 'must be a step with the keys step and kind');
    const kind = STEP_KINDS.find((one) => one === step.kind);
    const { name } = this.owner;
    if (typeof step.step !== 'string' || !STEP_NAME.test(step.step))
      return this.refuse('.step', 'must be a name: letters, digits, - and _');
    if (!kind) {
      this.refuse('.kind', `must be one of ${oneOf(STEP_KINDS)}${didYouMean(step.kind, STEP_KINDS)}`);
      this.#common(step, 'manual');
      return undefined;
    }
    this.problems.unknownKeys(step, this.place, [...STEP_KEYS, ...KIND_KEYS[kind]]);
    const full = `${name}.${step.step}`;
    if (this.#earlier.includes(full)) return this.refuse('.step', `a second step is named ${full}`);
    const own = this.#kindOf(kind, step);
    const { optional, skips, after } = this.#common(step, kind);
    if (!own) return undefined;
    return {
      optional,
      planned: {
        ...own,
        step: full,
        provider: name,
        ids: [...this.used],
        ...(typeof step.keySlot === 'string' && { keySlot: step.keySlot }),
        provesIds: true,
        when: { any: Object.keys(this.owner.ids).map((id) => `${name}.${id}`) },
        skips,
        after,
      },
    };
  }

  /** Reads what steps of all kinds have. */
  #common(step: Raw, kind: PlannedStep['kind']): Pick<PlannedStep, 'skips' | 'after'> & { optional: boolean } {
    const skips = this.#skips(step.needs, kind);
    return { optional: this.flag(step, 'optional'), skips, after: this.#after(step.after) };
  }

  #kindOf(kind: PlannedStep['kind'], step: Raw): OwnPart<PlannedStep> | undefined {
    switch (kind) {
      case 'once':
        return this.#once(step);
      case 'list':
        return this.#list(step);
      case 'request':
        return this.#request(step);
      case 'manual':
        return {
          kind,
          task: 'manual',
          title: this.text(step, 'title'),
          instructions: this.text(step, 'instructions'),
        };
    }
  }

  #once(step: Raw): OwnPart<OnceStep> | undefined {
    const each = this.listId(step, 'each');
    const act = this.call(step, 'act', { also: [], keys: [], acts: true, conditions: CONDITIONS, named: true });
    const look = step.look === undefined ? act && this.#lookOfTask(act, step) : this.#look(step);
    const lookFirst = this.flag(step, 'lookFirst');
    if (lookFirst && !look) this.refuse('.lookFirst', 'needs a look');
    if (each !== undefined && look && !placeholdersIn(look.input).has(each))
      this.refuse('.look.input', `must use \${${each}}, the entry that the call was about`);
    const bulk = step.bulk === undefined ? undefined : this.#bulk(step, each);
    if (!act) return undefined;
    return {
      kind: 'once',
      task: act.task,
      act,
      ...(look && { look }),
      lookFirst,
      ...(each !== undefined && { each }),
      absentAfterLost: 'removed',
      ...(bulk && { bulk }),
    };
  }

  #look(step: Raw): PlannedLook | undefined {
    const look = this.call(step, 'look', { also: [], keys: ['lag'], reads: true, conditions: CONDITIONS, named: true });
    return look && { ...look, lagMs: this.lagMs(step.look as Raw) };
  }

  /** The read that the task itself names for lost calls, with the input that the step gives the task. */
  #lookOfTask({ task: name }: PlannedCall, step: Raw): PlannedLook | undefined {
    const settle = this.task(name)?.settle;
    if (settle?.by !== 'look') return undefined;
    const task = this.task(settle.with);
    if (task?.effect !== 'read')
      return this.refuse(
        '.act.task',
        `a lost call of ${name} is settled by ${settle.with}, which is not a read of the provider`,
      );
    const { absent } = plannedTask(task);
    const states = settle.absent
      .filter((sign) => typeof sign === 'object')
      .map((sign) => quantified(sign as StatePattern, '$every'));
    const foreign = settle.absent.filter((sign) => typeof sign !== 'object' && !absent.includes(sign));
    if (foreign.length > 0)
      this.refuse(
        '.act.task',
        `${settle.with} must have ${oneOf(foreign.map(String))} under absent, as ${name} has under settle`,
      );
    const input = filledFrom(settle.input, isRecord(step.act) ? step.act.input : undefined);
    return {
      task: settle.with,
      input: markPlaces(input, placesIn(task)),
      ...(states.length > 0 && { absent: states }),
      lagMs: settle.lagMs ?? SETTLE_MS,
    };
  }

  #bulk(step: Raw, each: string | undefined): PlannedBulk | undefined {
    const keys = ['most', 'mostBytes', 'refusedFor'];
    const call = this.call(step, 'bulk', { also: ['ids'], keys, acts: true, many: true, conditions: ['failed'] });
    const bulk = isRecord(step.bulk) ? step.bulk : {};
    const single = Object.keys(this.owner.ids).filter((id) => this.used.has(id));
    const [id] = single;
    if (each !== undefined) this.refuse('.bulk', 'cannot be used together with each');
    const isUnclear = this.problems.found.some(({ place }) =>
      ['act', 'look'].some((key) => place.startsWith(`${this.place}.${key}.input`)),
    );
    if (single.length !== 1 && !isUnclear)
      this.refuse('.bulk', `needs a step about one ID; this one uses ${oneOf(single)}`);
    const { most, mostBytes = MOST_BULK_BYTES, refusedFor = [] } = bulk;
    if (!isCount(most) || most > 10_000) this.refuse('.bulk.most', 'must be a whole number from 1 to 10000');
    if (!isCount(mostBytes)) this.refuse('.bulk.mostBytes', 'must be a whole number of bytes');
    if (!Array.isArray(refusedFor)) this.refuse('.bulk.refusedFor', 'must be a list of provider codes');
    if (!call || id === undefined) return undefined;
    if (!placeholdersIn(call.input).has('ids')) this.refuse('.bulk.input', 'must use ${ids}');
    if (this.task(call.task)?.effect === 'irreversible')
      this.refuse('.bulk.task', `${call.task} must have the effect repeatSafe: a lost bulk call is repeated`);
    return {
      ...call,
      id,
      most: Number(most),
      mostBytes: Number(mostBytes),
      refusedFor: Array.isArray(refusedFor) ? refusedFor.map(String) : [],
    };
  }

  #list(step: Raw): OwnPart<ListStep> | undefined {
    const look = this.call(step, 'look', {
      also: [],
      keys: ['items', 'next', 'cursor'],
      reads: true,
      conditions: CONDITIONS,
      named: true,
    });
    const act = this.call(step, 'act', { also: ['items', 'item'], keys: ['most'], acts: true, conditions: CONDITIONS });
    const only = this.listId(step, 'only');
    const items = this.path(step.look, '.look', 'items');
    const next = this.#next(step.look);
    if (!act || !look) return undefined;
    const wanted = next && placesIn(this.task(look.task) as HttpTask)([next.cursor]);
    const used = placeholdersIn(act.input);
    const takes = used.has('item') ? 'item' : 'items';
    if (used.has('item') === used.has('items'))
      this.refuse('.act.input', 'must use one of ${items} (many in one call) and ${item} (one per call)');
    const most = (isRecord(step.act) ? step.act.most : undefined) ?? step.most;
    if (most !== undefined && (!isCount(most) || takes === 'item'))
      this.refuse('.act.most', 'must be a whole number from 1, and only with ${items}');
    return {
      kind: 'list',
      task: act.task,
      look: { ...look, items, ...(next && { next: { ...next, ...(wanted === 'number' && { number: true }) } }) },
      act: { ...act, takes, ...(isCount(most) && { most }), allOrNothing: false },
      ...(only !== undefined && { only }),
    };
  }

  /** `next: PATH` with `cursor: FIELD` next to it, or both in one object. */
  #next(look: unknown): { path: string; cursor: string } | undefined {
    if (!isRecord(look) || look.next === undefined) return undefined;
    const own = isRecord(look.next) ? look.next : { path: look.next, cursor: look.cursor };
    if (isRecord(look.next)) this.problems.unknownKeys(look.next, `${this.place}.look.next`, ['path', 'cursor']);
    const { path, cursor } = own;
    if (typeof path !== 'string' || whyNoPath(path) !== undefined)
      return this.refuse('.look.next', 'must be the dotted path of the next cursor, such as "paging.next"');
    if (typeof cursor !== 'string' || cursor === '')
      return this.refuse('.look.cursor', 'must name the field of the look that takes the cursor');
    return { path, cursor };
  }

  #request(step: Raw): OwnPart<RequestStep> | undefined {
    const act = this.call(step, 'act', { also: [], keys: ['handle'], acts: true, conditions: CONDITIONS, named: true });
    const inFollow = ['state', 'done', 'failed', 'absent'];
    const follow = this.call(step, 'follow', { also: ['handle'], keys: inFollow, reads: true });
    if (follow && !placeholdersIn(follow.input).has('handle')) this.refuse('.follow.input', 'must use ${handle}');
    const both = { ...(isRecord(step.follow) ? step.follow : {}), ...step };
    const handle = step.handle ?? (isRecord(step.act) ? step.act.handle : undefined);
    const state = this.path(both, '', 'state');
    const patterns = (key: string, quantifier: Quantifier, required = false): StatePattern[] =>
      this.patterns(both[key], `.${key}`, { quantifier, statePath: state, required });
    const proceed = this.#proceed(step, state);
    const find = this.#find(step);
    const path = this.path({ handle }, '', 'handle');
    const states = {
      done: patterns('done', '$every', true),
      failed: patterns('failed', '$some'),
      absent: patterns('absent', '$every'),
    };
    if (!act || !follow) return undefined;
    return {
      kind: 'request',
      task: act.task,
      act,
      handle: path,
      follow: { task: follow.task, input: follow.input, state, ...states, patienceMs: FOLLOW_PATIENCE_MS },
      ...(proceed && { proceed }),
      ...(find && { find }),
    };
  }

  #proceed(step: Raw, statePath: string): RequestStep['proceed'] {
    if (step.proceed === undefined) return undefined;
    const call = this.call(step, 'proceed', { also: ['handle'], keys: ['when'], acts: true });
    const given = isRecord(step.proceed) ? step.proceed.when : undefined;
    const when = this.patterns(given, '.proceed.when', { quantifier: '$every', statePath, required: true });
    return call && { ...call, when };
  }

  #find(step: Raw): RequestStep['find'] {
    if (step.find === undefined) return undefined;
    const call = this.call(step, 'find', { also: [], keys: ['items', 'match', 'handle'], reads: true });
    const find = isRecord(step.find) ? step.find : {};
    const items = find.items === undefined ? undefined : this.path(find, '.find', 'items');
    const handle = this.path(find, '.find', 'handle');
    const match = isRecord(find.match) ? find.match : {};
    if (Object.keys(match).length === 0)
      this.refuse('.find.match', 'must say by which values a request is recognised, such as { person: "${personId}" }');
    for (const [path, template] of Object.entries(match)) {
      const wrong = whyNoPath(path);
      if (wrong !== undefined) this.refuse(`.find.match.${path}`, wrong);
      this.template(template, `.find.match.${path}`, []);
    }
    if (call && !this.usesId([call.input, match]))
      this.refuse('.find.match', 'must use an ID of the user, or the input must; else it finds the requests of others');
    return call && { ...call, ...(items !== undefined && { items }), match, handle };
  }

  /** Without IDs of its own a step is about the user's first ID. */
  #skips(needs: unknown, kind: PlannedStep['kind']): PlannedStep['skips'] {
    const ids = Object.keys(this.owner.ids);
    if (needs !== undefined && !Array.isArray(needs)) this.refuse('.needs', 'must be a list of IDs');
    const given: unknown[] = Array.isArray(needs) ? needs : [...this.used].length > 0 ? [[...this.used]] : [ids];
    if (Array.isArray(needs) && needs.length === 0 && kind !== 'manual') this.refuse('.needs', 'must name an ID');
    return given.map((entry, index) => {
      const without: unknown[] = Array.isArray(entry) ? entry : [entry];
      for (const id of without)
        if (typeof id !== 'string' || !ids.includes(id))
          this.refuse(`.needs[${index}]`, `unknown ID; allowed: ${oneOf(ids)}${didYouMean(id, ids)}`);
      return { without: without.map(String), reason: 'noId' };
    });
  }

  #after(after: unknown): AfterRule[] {
    if (after === undefined) return [];
    if (!Array.isArray(after)) return this.refuse('.after', 'must be a list') ?? [];
    return after.flatMap((rule: unknown, index) => {
      const place = `.after[${index}]`;
      if (!isRecord(rule)) return this.refuse(place, 'must have step, unless and reason') ?? [];
      this.problems.unknownKeys(rule, `${this.place}${place}`, ['step', 'unless', 'reason']);
      const { step, unless = ['failed', 'unknown'], reason } = rule;
      const name = typeof step === 'string' && !step.includes('.') ? `${this.owner.name}.${step}` : step;
      // The earlier steps of other providers are not known here.
      if (typeof name !== 'string' || (name.startsWith(`${this.owner.name}.`) && !this.#earlier.includes(name)))
        this.refuse(
          `${place}.step`,
          `must name an earlier step; those are: ${oneOf(this.#earlier)}${didYouMean(name, this.#earlier)}`,
        );
      else if (!runsBefore(name.split('.', 1)[0] ?? '', this.owner.name))
        this.refuse(
          `${place}.step`,
          `must name an earlier step; providers run in the order plaid, batch, then by name, so ${name} is later`,
        );
      if (!Array.isArray(unless) || !unless.every((one) => (OUTCOMES as readonly unknown[]).includes(one)))
        this.refuse(`${place}.unless`, `must be a list of outcomes: ${oneOf(OUTCOMES)}`);
      if (typeof reason !== 'string' || !REASON.test(reason))
        this.refuse(`${place}.reason`, 'must be one word in camelCase, such as contactNotRemoved');
      return [{ step: String(name), unless, reason: String(reason) } as AfterRule];
    });
  }
}

/** Whether the steps of a provider come before those of another one, or are its own. */
function runsBefore(provider: string, other: string): boolean {
  return inOrder([other, provider])[0] === provider;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) > 0;
}
