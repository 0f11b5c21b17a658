import { NAMED_FIELDS } from 'temporal-http-tasks/internal/policy/user-ids';
import { plaidService } from 'temporal-http-tasks/internal/providers/plaid/service';
import type { ProviderSet } from 'temporal-http-tasks/internal/providers/provider-set';
import { mainServiceOf } from 'temporal-http-tasks/internal/tasks/accounts';
import type { Io } from '../program/io';
import { say } from '../terminal/output';
import { SERVICE_OF_ID, serviceNamesOf } from '../users/user-subjects';
import type { AllUserIds, NamedUserId } from '../users/user-subjects';
import type { HoldOptions } from './hold-options';

/**
 * Says which calls for a user a hold does not cover: the ledger does not know which IDs belong to one user, so that each is held for
 * itself, in its account.
 */
export async function sayWhatIsNotCovered(io: Io, ids: AllUserIds, { known }: HoldOptions): Promise<void> {
  const given = namesGiven(ids);
  for (const sentence of [...plaidNotCovered(given.get('plaid')), ...othersNotCovered(given, known)]) say(io, sentence);
  if (!known) return;
  const { otherAccounts } = await import('../users/provider-ids.js');
  const accounts = otherAccounts(known, serviceNamesOf(ids));
  if (accounts.length > 0)
    say(io, `Not covered: users with these IDs in other accounts (${accounts.join(', ')}). --account names one.`);
}

/** The names of the given IDs, such as `contactId`, by provider. */
function namesGiven({ more = [], serviceAt: _, ...named }: AllUserIds): ReadonlyMap<string, ReadonlySet<string>> {
  const given = new Map<string, Set<string>>();
  const add = (provider: string, called: string): void =>
    void given.set(provider, (given.get(provider) ?? new Set()).add(called));
  for (const field of Object.keys(named) as NamedUserId[]) {
    const own = NAMED_FIELDS.find((one) => one.field === field);
    add(SERVICE_OF_ID[field].name, own?.id ?? 'accessTokens');
  }
  for (const { service, called } of more) add(mainServiceOf(service.name), called);
  return given;
}

function plaidNotCovered(given: ReadonlySet<string> = new Set()): string[] {
  const [byId, byToken] = [given.has('userId'), given.has('userToken')];
  return [
    ...(byId && !byToken
      ? [
          'Not covered: calls that name this user by a user token. If the user has one, add the hold again with both IDs and this --hold.',
        ]
      : []),
    ...(byToken && !byId
      ? [
          'Not covered: calls that name this user by a user ID. If the user has one, add the hold again with both IDs and this --hold.',
        ]
      : []),
    ...((byId || byToken) && !given.has('accessTokens')
      ? [
          'Not covered: plaid.itemRemove, which names an Item by its access token. Set a hold with --plaid-access-token for each Item.',
        ]
      : []),
  ];
}

/** IDs that a provider also knows its users by, and that were not given. */
function othersNotCovered(given: ReadonlyMap<string, ReadonlySet<string>>, known: ProviderSet | undefined): string[] {
  return (known?.all ?? []).flatMap(({ name, title, ids }) => {
    const names = given.get(name);
    if (!names || name === plaidService.name) return [];
    const others = Object.keys(ids).filter((id) => !names.has(id) && known?.isThing(name, id) === false);
    return others.length === 0
      ? []
      : [
          `Not covered: calls at ${title} that name this user by ${others.join(' or ')} only. If the user has ` +
            'such an ID, add the hold again with all IDs and this --hold.',
        ];
  });
}
