import { ControlError, parseControlBody } from './control-error';
import { faultRuleSchema, UNKNOWN_ROUTE } from './control-api';
import type { FaultRule, FaultRuleInput } from './control-api';
import type { FaultList, FaultStatus } from './control-responses';
import type { RecognisedCall } from './provider';
import { seededRandom } from './seeded-random';

/** Derives different seeds for the rules, so that two rules with the same probability do not fire together. */
const SEED_STEP = 0x9e3779b1;

class Rule {
  readonly status: FaultStatus;
  private readonly random: () => number;

  constructor(id: string, rule: FaultRule, defaultSeed: number) {
    this.status = { id, rule, matched: 0, fired: 0 };
    this.random = seededRandom(rule.seed ?? defaultSeed);
  }

  /** Counts the call if the rule matches it, and returns whether the rule would fire. */
  wantsToFire(call: RecognisedCall): boolean {
    const { rule } = this.status;
    if (rule.endpoint !== '*' && rule.endpoint !== call.endpoint) return false;
    if (rule.user !== undefined && !isAbout(call, rule.user)) return false;
    this.status.matched += 1;
    // Drawn even if the rule is exhausted, so that `times` does not change later draws.
    const drawn = rule.probability === undefined || this.random() < rule.probability;
    if (rule.times !== undefined && this.status.fired >= rule.times) return false;
    if (rule.nth === undefined) return drawn;
    return typeof rule.nth === 'number' ? rule.nth === this.status.matched : rule.nth.includes(this.status.matched);
  }
}

function isAbout({ users, alsoKnownAs = [] }: RecognisedCall, user: string): boolean {
  return users.includes(user) || alsoKnownAs.includes(user);
}

/**
 * The fault rules of one simulator. Every rule counts the calls that it matches; the first added of the matching rules
 * fires.
 */
export class FaultBook {
  private rules: Rule[] = [];
  private added = 0;

  /** @param endpoints The names that rules may have, besides `*`. */
  constructor(
    private readonly seed: number,
    private readonly endpoints: readonly string[],
  ) {}

  /** Validates all rules before adding them, so that an invalid one adds none. */
  add(input: unknown): FaultList {
    const inputs: unknown[] = Array.isArray(input) ? input : [input];
    const rules = inputs.map((rule, index) =>
      parseControlBody(faultRuleSchema, rule, Array.isArray(input) ? [index] : []),
    );
    for (const [index, { endpoint }] of rules.entries()) {
      if ([...this.endpoints, UNKNOWN_ROUTE, '*'].includes(endpoint)) continue;
      const field = Array.isArray(input) ? `${index}.endpoint` : 'endpoint';
      throw new ControlError(field, `unknown call; known: ${this.endpoints.join(', ')}, ${UNKNOWN_ROUTE} and *`);
    }
    for (const rule of rules) {
      this.added += 1;
      this.rules.push(new Rule(`fault-${this.added}`, rule, Math.imul(this.seed + this.added, SEED_STEP)));
    }
    return this.list();
  }

  list(): FaultList {
    return { faults: this.rules.map(({ status }) => ({ ...status })) };
  }

  /** Removes one rule, or all of them. */
  remove(id?: string): void {
    this.rules = id === undefined ? [] : this.rules.filter((rule) => rule.status.id !== id);
  }

  /** Replaces all rules by these, numbered and seeded as at the start. */
  reset(rules: readonly FaultRuleInput[]): void {
    this.rules = [];
    this.added = 0;
    this.add(rules);
  }

  pick(call: RecognisedCall): FaultRule | undefined {
    let chosen: Rule | undefined;
    for (const rule of this.rules) {
      if (rule.wantsToFire(call)) chosen ??= rule;
    }
    if (!chosen) return undefined;
    chosen.status.fired += 1;
    return chosen.status.rule;
  }
}
