import { z } from 'zod';
import { SettingsError } from 'temporal-http-tasks/internal/config/env';
import { readLedgerSettings } from 'temporal-http-tasks/internal/config/database-settings';
import { offboardUserInput } from 'temporal-http-tasks/internal/policy/offboard-input';
import type { OffboardUserInput } from 'temporal-http-tasks/internal/policy/offboard-input';
import type { SchemaNode } from '../reference/schema-node';
import { showRequest } from '../reference/shown-request';
import { servicePlace } from 'temporal-http-tasks/internal/config/service-settings';
import { plaid } from 'temporal-http-tasks/internal/providers/catalogue';
import type { ProviderSet } from 'temporal-http-tasks/internal/providers/provider-set';
import { idsOf, inOrder, NAMED_FIELDS } from 'temporal-http-tasks/internal/policy/user-ids';
import type { ProviderIds } from 'temporal-http-tasks/internal/policy/user-ids';
import { InvalidInputError, parseInput } from 'temporal-http-tasks/internal/tasks/parse-input';
import { flatFormOf, rulesOf } from './form';
import type { GatewayParts } from './parts';
import type { FormField, InputProblem, OffboardingForm } from './wire';
import { placeOfRuns } from './workers';

/** Fields of sweeps; `dryRun`, which the buttons set; and those of which the providers say more. */
const NOT_ASKED = ['user.sweepId', 'user.seq', 'dryRun', 'user.ids', 'user.account'];
/** Shown first; the others on demand. */
const FIRST = ['user.plaidUserId', 'user.batchUserId', 'reason.code'];
const BEARER_TOKEN = 'user.plaidUserToken';

/** Returns the form that starts an offboarding, its environment, and what prevents the start. */
export async function offboardingForm(parts: GatewayParts): Promise<OffboardingForm> {
  const { secrets, providers } = parts;
  const schema = z.toJSONSchema(offboardUserInput, { io: 'input', unrepresentable: 'any' }) as SchemaNode;
  const fields = flatFormOf(schema, [BEARER_TOKEN]).filter(({ name }) => !NOT_ASKED.includes(name));
  const isFirst = ({ name }: FormField): boolean => FIRST.includes(name);
  const ids = idFields(providers);
  const form = [
    ...fields.filter(isFirst),
    ...accountField(providers),
    ...ids.filter(({ more }) => !more),
    ...ids.filter(({ more }) => more),
    ...fields.filter((field) => !isFirst(field)).map((field) => ({ ...field, more: true })),
  ];
  const rules = rulesOf(schema);
  try {
    readLedgerSettings(secrets.env);
    const { environment, production } = await placeOfRuns(parts, offboardingPlace(parts));
    return { form, rules, environment, production };
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return { form, rules, problem: error.problems.map(({ setting, message }) => `${setting}: ${message}`).join(' ') };
  }
}

/** Returns a field for each ID of a provider that has no field of its own. Those of the package's providers are rarely needed. */
function idFields(providers: ProviderSet): FormField[] {
  return providers.all.flatMap(({ name, title, ids }) => {
    const isBasic = NAMED_FIELDS.some(({ provider }) => provider === name);
    return Object.entries(ids).flatMap(
      ([id, { about, list = false, sensitive = false, instead, type }]): FormField[] => {
        if (NAMED_FIELDS.some((own) => own.provider === name && own.id === id)) return [];
        const isRare = isBasic || providers.isThing(name, id);
        return [
          {
            name: `user.ids.${name}.${id}`,
            path: ['user', 'ids', name, id],
            control: sensitive ? (list ? 'secrets' : 'secret') : list ? 'list' : 'text',
            required: false,
            description: `${title}: ${about}`,
            limits: [type === 'integer' && 'a whole number', instead !== undefined && `instead of ${instead}`]
              .filter(Boolean)
              .join(', '),
            ...(isRare && { more: true }),
          },
        ];
      },
    );
  });
}

/** Returns the field that chooses the account of the IDs, where a provider has accounts. */
function accountField({ accounts }: ProviderSet): FormField[] {
  if (accounts.names.length === 0) return [];
  return [
    {
      name: 'user.account',
      path: ['user', 'account'],
      control: 'choice',
      choices: accounts.names,
      required: false,
      description: 'The account in which the IDs are valid, at each provider that has it. Empty: the default account.',
      limits: '',
    },
  ];
}

/** Returns the problems of an input; nothing is started. */
export function offboardingProblems(parts: GatewayParts, input: unknown): InputProblem[] {
  try {
    checkedOffboarding(parts, input);
    return [];
  } catch (error) {
    if (error instanceof InvalidInputError) return [...error.problems];
    throw error;
  }
}

/** @throws InvalidInputError that names the field. */
export function checkedOffboarding({ providers }: GatewayParts, given: unknown): OffboardUserInput {
  const input = parseInput('offboardUser', offboardUserInput, given);
  const { user } = input;
  if (user.sweepId !== undefined)
    throw new InvalidInputError('offboardUser', [
      { field: 'user.sweepId', message: 'is reserved for sweeps; give the IDs of the user' },
    ]);
  const problems = providers.problemsOf(user, namingIds(providers, idsOf(user)));
  if (problems.length === 0) return input;
  throw new InvalidInputError(
    'offboardUser',
    problems.map(({ field, message }) => ({ field: `user.${field}`, message })),
  );
}

/**
 * The IDs that can be checked here. The run is named by the first one, whose provider the gateway has to know; others may
 * be of providers that exist only in a worker's code.
 */
function namingIds(providers: ProviderSet, ids: ProviderIds): ProviderIds {
  const [first] = inOrder(Object.keys(ids));
  return Object.fromEntries(Object.entries(ids).filter(([name]) => name === first || providers.find(name)));
}

/**
 * Returns where the first call of an offboarding would go by the gateway's own settings, or else the first environment
 * that is production; the worker's settings are the ones that count.
 */
export function offboardingPlace({ secrets: { env }, providers }: Pick<GatewayParts, 'secrets' | 'providers'>): {
  environment: string;
  production: boolean;
  origin: string;
} {
  const { environment, production, origin } = showRequest(plaid.userItemsGet, { user_id: 'example' }, env).shown;
  if (production) return { environment, production, origin };
  const services = providers.all.map(({ service }) => service);
  const real = [...services, ...providers.accounts.servicesAt(services)]
    .map((service) => servicePlace(env, service))
    .find((place) => place.production);
  return { environment: real?.environment ?? environment, production: real !== undefined, origin };
}
