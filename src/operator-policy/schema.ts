import { z } from 'zod';
import { REASON_CODES } from '../policy/input-fields';
import { isTimeZone } from '../policy/time-zone';
import { isSamePerson } from './same-person';

/** The days of a week, as a policy names them. */
export const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

const MOST_NAMES = 1_000;

const MOST_APPROVERS = 100;

const listOf = <Entry extends z.ZodType>(entry: Entry) =>
  z.array(entry).max(MOST_NAMES, `must have at most ${MOST_NAMES} entries`);

const someOf = <Entry extends z.ZodType>(entry: Entry) =>
  listOf(entry).min(1, 'must not be empty; leave the rule out to allow all of them');

const hasOne = (entries: object): boolean => Object.keys(entries).length > 0;

const environmentName = z
  .string('must be the name of an environment, such as sandbox')
  .regex(/^[\w-]{1,100}$/, 'must be the name of an environment, such as sandbox');

const providerName = z
  .string('must be the name of a provider, such as plaid')
  .regex(/^[a-z][A-Za-z0-9]*$/, 'must be the name of a provider, such as plaid');

const TASK_FORM = 'must be the name of a task, such as plaid.userGet, or of a service with a star, such as plaid.*';

const taskPattern = z.string(TASK_FORM).regex(/^[A-Za-z][\w-]*\.(?:\*|[\w.-]+)$/, TASK_FORM);

const taskName = z
  .string('must be the name of a task, such as ops.notify')
  .regex(/^[A-Za-z][\w-]*\.[\w.-]+$/, 'must be the name of a task, such as ops.notify');

const SOURCE_FORM =
  'must be inline, file, query, pages, custom, snapshot or redrive; query:NAME, pages:TASK and custom:NAME allow one of them';

const sourcePattern = z
  .string(SOURCE_FORM)
  .regex(/^(?:inline|file|snapshot|redrive|(?:query|pages|custom)(?::[\w.-]{1,200})?)$/, SOURCE_FORM);

const count = z
  .number('must be a whole number')
  .int('must be a whole number')
  .min(0, 'must be at least 0')
  .max(1_000_000_000, 'must be at most 1,000,000,000');

const TIME_FORM = 'must be a time of day such as "08:00", in quotes';

const timeOfDay = z.string(TIME_FORM).regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/, TIME_FORM);

const zone = z
  .string('must be the name of a time zone, such as Europe/Berlin')
  .refine(isTimeZone, 'must be the name of a time zone, such as Europe/Berlin');

const approver = z.strictObject({
  name: z.string('must be a name').min(1, 'must not be empty').max(200, 'must have at most 200 characters'),
  key: z.string('must be a public key as http-tasks approver keygen prints it').regex(
    // The last character has four bits of the key; with others there it would be another spelling of the same key.
    /^ed25519:[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/,
    'must be a public key as http-tasks approver keygen prints it: ed25519: and 43 characters',
  ),
});

const approval = z
  .strictObject({
    environments: someOf(environmentName).optional(),
    usersAbove: count.optional(),
    signatures: z
      .number('must be a whole number')
      .int('must be a whole number')
      .min(1, 'must be at least 1')
      .max(10, 'must be at most 10')
      .optional(),
    approvers: z
      .array(approver)
      .min(1, 'must name at least one approver')
      .max(MOST_APPROVERS, `must name at most ${MOST_APPROVERS} approvers`),
  })
  .superRefine(({ approvers, signatures = 1 }, context) => {
    if (signatures > approvers.length)
      context.addIssue({
        code: 'custom',
        path: ['signatures'],
        message: `requires ${signatures} signatures, but there are only ${approvers.length} approvers`,
      });
    const same = { name: isSamePerson, key: (one: string, other: string) => one === other };
    for (const field of ['name', 'key'] as const) {
      approvers.forEach((one, index) => {
        if (approvers.findIndex((other) => same[field](other[field], one[field])) !== index)
          context.addIssue({ code: 'custom', path: ['approvers', index, field], message: 'is a duplicate' });
      });
    }
  });

/** What an operator's policy file contains. A rule that is left out limits nothing. */
export const policySchema = z.strictObject({
  version: z.literal(1, 'must be 1'),
  /** For all services, or by service. */
  environments: z
    .union([someOf(environmentName), z.record(providerName, someOf(environmentName))], {
      error: 'must be a list of environments, or one such list for each service',
    })
    .refine(hasOne, 'must not be empty; leave the rule out to allow all of them')
    .optional(),
  tasks: someOf(taskPattern).optional(),
  providers: someOf(providerName).optional(),
  reasonCodes: someOf(z.enum(REASON_CODES, `must be one of ${REASON_CODES.join(', ')}`)).optional(),
  /** Whether users may be deleted at Plaid itself. */
  removeUser: z.boolean('must be true or false').optional(),
  /** Empty: none may be named. */
  compensationTasks: listOf(taskName).optional(),
  sources: someOf(sourcePattern).optional(),
  users: z
    .strictObject({ perSweep: count.optional(), perDay: count.optional() })
    .refine(hasOne, 'limits nothing; give perSweep or perDay')
    .optional(),
  hours: z
    .strictObject({
      days: someOf(z.enum(DAYS, `must be one of ${DAYS.join(', ')}`)).optional(),
      from: timeOfDay.optional(),
      to: timeOfDay.optional(),
      zone: zone.optional(),
    })
    .superRefine(({ days, from, to }, context) => {
      if (days === undefined && from === undefined && to === undefined)
        context.addIssue({ code: 'custom', message: 'limits nothing; give days, or from and to' });
      if ((from === undefined) !== (to === undefined))
        context.addIssue({
          code: 'custom',
          path: [from === undefined ? 'from' : 'to'],
          message: 'is required: from and to belong together',
        });
      else if (from !== undefined && from === to)
        context.addIssue({ code: 'custom', path: ['to'], message: 'must differ from from' });
    })
    .optional(),
  approval: approval.optional(),
});

/** The rules of a policy. */
export type PolicyRules = z.output<typeof policySchema>;
