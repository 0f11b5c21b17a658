import type { CredentialRule } from '../tasks/service';
import type { Env } from './env';
import type { ProblemList } from './problems';
import { Secret } from './secret';

/** The slot of a key without a name, and of a credential without slots. */
export const DEFAULT_SLOT = 'default';

const SLOT_NAME = /^[A-Za-z][A-Za-z0-9_-]*$/;

/** A credential of a service, with its values by key slot. */
export class Credential {
  readonly rule: CredentialRule;
  readonly #secret: Secret;
  #values: ReadonlyMap<string, string>;

  private constructor(rule: CredentialRule, secret: Secret) {
    this.rule = rule;
    this.#secret = secret;
    this.#values = valuesOf(rule, secret.value);
  }

  static read(env: Env, rule: CredentialRule, problems: ProblemList): Credential | undefined {
    const check =
      rule.slotField === undefined ? (text: string) => whyNotSendable(text) ?? whyNotFor(rule, text) : whyNotSlots;
    const secret = Secret.read(env, rule.setting, problems, {
      required: true,
      check,
      ...(rule.formerly !== undefined && { formerly: rule.formerly }),
    });
    return secret && new Credential(rule, secret);
  }

  /** Slot names in the order in which they were given. */
  get slots(): readonly string[] {
    return [...this.#values.keys()];
  }

  /** Every secret value in it. For `user:password` also the password, which may be echoed alone. */
  get values(): readonly string[] {
    const values = [...this.#values.values()];
    return this.rule.scheme === 'basic'
      ? values.flatMap((value) => [value, value.slice(value.indexOf(':') + 1)])
      : values;
  }

  /** Returns the value of this slot; a credential without slots has one value for all. */
  valueFor(slot: string | undefined): string | undefined {
    return this.#values.get(this.rule.slotField === undefined ? DEFAULT_SLOT : (slot ?? DEFAULT_SLOT));
  }

  /** Reads the file again, if any; returns whether anything changed. */
  reload(): boolean {
    if (!this.#secret.reload()) return false;
    this.#values = valuesOf(this.rule, this.#secret.value);
    return true;
  }
}

function valuesOf(rule: CredentialRule, text: string): ReadonlyMap<string, string> {
  return rule.slotField === undefined ? new Map([[DEFAULT_SLOT, text]]) : new Map(splitSlots(text));
}

/** Returns the slot names in `ios=KEY,android=KEY`; none for a single key. */
export function slotNamesIn(text: string): string[] {
  const names = splitSlots(text).map(([slot]) => slot);
  return names.every((slot) => SLOT_NAME.test(slot)) && text.includes('=') ? names : [];
}

/** Parses `ios=KEY,android=KEY`, or a single key. */
function splitSlots(text: string): [slot: string, value: string][] {
  if (!text.includes('=') && !text.includes(',')) return [[DEFAULT_SLOT, text]];
  return text.split(',').map((entry) => {
    const at = entry.indexOf('=');
    return [entry.slice(0, Math.max(at, 0)).trim(), entry.slice(at + 1).trim()];
  });
}

function whyNotSlots(text: string): string | undefined {
  const form = 'write name=KEY,name=KEY (for example ios=KEY,android=KEY), or one bare key.';
  const seen = new Set<string>();
  for (const [index, [slot, value]] of splitSlots(text).entries()) {
    const which = `entry ${index + 1}`;
    if (!SLOT_NAME.test(slot))
      return `${which} has no valid name (a letter, then letters, digits, "-" or "_"); ${form}`;
    if (value === '') return `${which} ("${slot}") has no key; ${form}`;
    if (seen.has(slot)) return `duplicate key name "${slot}"; ${form}`;
    seen.add(slot);
    const wrong = whyNotSendable(value);
    if (wrong !== undefined) return `the key named "${slot}" ${wrong}`;
  }
  return undefined;
}

/** Checks what a header cannot carry here, where the error can name the setting. */
function whyNotSendable(text: string): string | undefined {
  if (text.trim() !== text) return 'begins or ends with white space or a line break; remove it.';
  if (!/^[\x20-\x7e]+$/.test(text))
    return 'contains a control character or a character outside ASCII; a key has printable ASCII characters only.';
  return undefined;
}

/** Checks what this credential's place cannot carry. */
function whyNotFor({ in: place, scheme }: CredentialRule, text: string): string | undefined {
  if (scheme === 'basic' && !text.includes(':')) return 'must be written as user:password.';
  if (place === 'cookie' && /[\s",;\\]/.test(text))
    return 'contains a space, a quote, a comma, a semicolon or a backslash, which a cookie cannot carry.';
  return undefined;
}
