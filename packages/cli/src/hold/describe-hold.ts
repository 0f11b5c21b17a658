import type { Hold, HoldEnvironments } from 'temporal-http-tasks/internal/ledger/ledger';

/** How the environments of a hold are shown: `plaid sandbox, plaid production, batch default`. */
export function environmentsText(environments: HoldEnvironments | undefined): string {
  if (environments === undefined) return 'environment unknown';
  return Object.entries(environments)
    .flatMap(([service, names]) => names.map((name) => `${service} ${name}`))
    .join(', ');
}

/** A hold as `--json` prints it. */
export function holdDocument(hold: Hold): object {
  return hold.environments === undefined ? { ...hold, environments: 'unknown', setAgain: true } : hold;
}
