import { readDay } from '../policy/request-claims';
import type { AllowedOrigins } from './origins';
import { isTimeZone } from '../policy/time-zone';
import { ProblemList, readInteger, readList, readText, Secret } from './env';
import type { Env } from './env';
import { SETTINGS } from './setting-table';

/** The settings of the register of requests and of its clock. */
export interface RequestSettings {
  /** Public holidays, as 2026-12-25. */
  holidays: ReadonlySet<string>;
  /** The time zone in which the days of due dates begin and end. @default the offset from UTC of `receivedAt` */
  timeZone?: string;
  /** Months for which requests are kept after their end. */
  keepMonths: number;
  /** Where notices are sent. @default nowhere */
  notify?: NotifySettings;
}

/** Where notices are sent. The address may contain a key. */
export interface NotifySettings {
  url: string;
  /** Signs the notices. @default unsigned */
  secret?: string | undefined;
}

/** The shortest secret that signs notices, in characters. */
const LEAST_SECRET = 16;

/** Without settings. */
export const DEFAULT_REQUEST_SETTINGS: RequestSettings = Object.freeze({
  holidays: new Set<string>(),
  keepMonths: SETTINGS.HTTP_TASKS_REGISTER_MONTHS.default,
});

/**
 * Reads the settings of the register, and nothing else.
 *
 * @throws SettingsError that lists every problem.
 */
export function readRequestSettings(env: Env): RequestSettings {
  const problems = new ProblemList();
  return problems.finish(readRequests(env, problems));
}

/** Reads the settings of the register; adds invalid ones to `problems`. */
export function readRequests(env: Env, problems: ProblemList): RequestSettings {
  const holidays = readList(env, 'HTTP_TASKS_PUBLIC_HOLIDAYS');
  for (const day of holidays) {
    if (/^\d{4}-\d\d-\d\d$/.test(day) && readDay(day)) continue;
    problems.add('HTTP_TASKS_PUBLIC_HOLIDAYS', `"${day}" is not a day; allowed: days such as 2026-12-25.`);
  }
  const timeZone = readText(env, 'HTTP_TASKS_TIME_ZONE');
  if (timeZone !== undefined && !isTimeZone(timeZone))
    problems.add('HTTP_TASKS_TIME_ZONE', 'is not the name of a time zone; allowed: names such as Europe/Berlin.');
  const keepMonths = readInteger(env, 'HTTP_TASKS_REGISTER_MONTHS', problems);
  return {
    holidays: new Set(holidays),
    ...(timeZone !== undefined && { timeZone }),
    keepMonths: keepMonths ?? SETTINGS.HTTP_TASKS_REGISTER_MONTHS.default,
  };
}

/**
 * Reads where notices are sent; adds invalid settings to `problems`.
 *
 * @param allowed The origins that `http.request` may call.
 */
export function readNotify(env: Env, allowed: AllowedOrigins, problems: ProblemList): NotifySettings | undefined {
  const url = Secret.read(env, 'HTTP_TASKS_NOTIFY_URL', problems, {
    required: false,
    check: (text) => {
      if (!URL.canParse(text)) return 'is not a URL.';
      if (new URL(text).username !== '') return 'contains a user name; leave it out.';
      return allowed.allows(new URL(text))
        ? undefined
        : `is at an origin that is not allowed; add ${new URL(text).origin} to HTTP_TASKS_HTTP_ALLOW.`;
    },
  });
  const secret = Secret.read(env, 'HTTP_TASKS_NOTIFY_SECRET', problems, {
    required: false,
    check: (text) =>
      text.length >= LEAST_SECRET ? undefined : `has ${text.length} characters; at least ${LEAST_SECRET} are required.`,
  });
  if (secret && !url) problems.add('HTTP_TASKS_NOTIFY_SECRET', 'signs notices, and HTTP_TASKS_NOTIFY_URL is not set.');
  return url && { url: url.value, ...(secret && { secret: secret.value }) };
}
