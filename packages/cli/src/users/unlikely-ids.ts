import { idsOf, placeOf } from 'temporal-http-tasks/internal/policy/user-ids';
import type { NamedIds } from 'temporal-http-tasks/internal/policy/user-ids';
import type { Io } from '../program/io';
import { say } from '../terminal/output';
import type { AllUserIds } from './user-subjects';

type NamedId = readonly [field: string, id: string];

/** Says which IDs are unlikely, for example because a space was copied with one: they are taken as they are. */
export async function sayUnlikelyIds(io: Io, ids: readonly NamedId[]): Promise<void> {
  const { idProblem, NO_PLACEHOLDERS } = await import('temporal-http-tasks/internal/sources/id-rules');
  for (const [field, id] of ids) {
    const problem = idProblem(id, NO_PLACEHOLDERS);
    if (problem !== undefined) say(io, `Check the ID: ${field} ${problem}. It is taken as it is.`);
  }
}

/** The IDs of options, by the names of their options or services. */
export function idsOfOptions({ more = [], serviceAt: _, ...named }: AllUserIds): NamedId[] {
  return [
    ...Object.entries(named).flatMap(([field, id]): NamedId[] => (typeof id === 'string' ? [[field, id]] : [])),
    ...more.map(({ service, called, id }): NamedId => [`${service.name}.${called}`, id]),
  ];
}

/** The IDs in an input, by their places in it. */
export function idsOfInput({ user, itemIds }: { user: NamedIds; itemIds?: readonly string[] | undefined }): NamedId[] {
  const named = { ...user, itemIds };
  return Object.entries(idsOf(named)).flatMap(([provider, given]) =>
    Object.entries(given).flatMap(([id, value]) => {
      const place = placeOf(named, provider, id);
      const field = place === 'itemIds' ? place : `user.${place}`;
      return (typeof value === 'string' ? [value] : value).map((one): NamedId => [field, one]);
    }),
  );
}
