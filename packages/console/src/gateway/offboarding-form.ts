import { z } from 'zod';
import { SettingsError } from 'temporal-http-tasks/internal/config/env';
import { readLedgerSettings } from 'temporal-http-tasks/internal/config/database-settings';
import { offboardUserInput } from 'temporal-http-tasks/internal/policy/offboard-input';
import type { OffboardUserInput } from 'temporal-http-tasks/internal/policy/offboard-input';
import type { SchemaNode } from '../reference/schema-node';
import { showRequest } from '../reference/shown-request';
import { plaid } from 'temporal-http-tasks/internal/providers/catalogue';
import { InvalidInputError, parseInput } from 'temporal-http-tasks/internal/tasks/parse-input';
import { flatFormOf, rulesOf } from './form';
import type { GatewayParts } from './parts';
import type { FormField, InputProblem, OffboardingForm } from './wire';
import { placeOfRuns } from './worker-production';

/** Fields of sweeps, and `dryRun`, which the buttons set. */
const NOT_ASKED = ['user.sweepId', 'user.seq', 'dryRun'];
/** Shown first; the others on demand. */
const FIRST = ['user.plaidUserId', 'user.batchUserId', 'reason.code'];
const BEARER_TOKEN = 'user.plaidUserToken';

/** Returns the form that starts an offboarding, its environment, and what prevents the start. */
export async function offboardingForm(parts: GatewayParts): Promise<OffboardingForm> {
  const { secrets } = parts;
  const schema = z.toJSONSchema(offboardUserInput, { io: 'input', unrepresentable: 'any' }) as SchemaNode;
  const fields = flatFormOf(schema, [BEARER_TOKEN]).filter(({ name }) => !NOT_ASKED.includes(name));
  const isFirst = ({ name }: FormField): boolean => FIRST.includes(name);
  const form = [
    ...fields.filter(isFirst),
    ...fields.filter((field) => !isFirst(field)).map((field) => ({ ...field, more: true })),
  ];
  const rules = rulesOf(schema);
  try {
    readLedgerSettings(secrets.env);
    const { environment, production } = await placeOfRuns(parts, offboardingPlace(secrets.env));
    return { form, rules, environment, production };
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return { form, rules, problem: error.problems.map(({ setting, message }) => `${setting}: ${message}`).join(' ') };
  }
}

/** Returns the problems of an input; nothing is started. */
export function offboardingProblems(input: unknown): InputProblem[] {
  try {
    checkedOffboarding(input);
    return [];
  } catch (error) {
    if (error instanceof InvalidInputError) return [...error.problems];
    throw error;
  }
}

/** @throws InvalidInputError that names the field. */
export function checkedOffboarding(given: unknown): OffboardUserInput {
  const input = parseInput('offboardUser', offboardUserInput, given);
  if (input.user.sweepId === undefined) return input;
  throw new InvalidInputError('offboardUser', [
    { field: 'user.sweepId', message: 'is reserved for sweeps; give the IDs of the user' },
  ]);
}

/**
 * Returns where the first call of an offboarding would go by the gateway's own settings; the worker's settings are the
 * ones that count.
 */
export function offboardingPlace(env: GatewayParts['secrets']['env']): {
  environment: string;
  production: boolean;
  origin: string;
} {
  const { environment, production, origin } = showRequest(plaid.userItemsGet, { user_id: 'example' }, env).shown;
  return { environment, production, origin };
}
