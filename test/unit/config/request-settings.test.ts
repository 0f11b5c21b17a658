import { readRequestSettings } from 'temporal-http-tasks/internal/config/request-settings';
import { readSettings } from 'temporal-http-tasks/internal/config/settings';
import { GOOD, problemsOf } from './good-settings';

it('default to no holidays and 24 months, and no address is notified', () => {
  expect(readRequestSettings({})).toEqual({ holidays: new Set(), keepMonths: 24 });
  expect(readSettings(GOOD).requests).toEqual({ holidays: new Set(), keepMonths: 24 });
});

it('are read', () => {
  const env = {
    ...GOOD,
    HTTP_TASKS_PUBLIC_HOLIDAYS: '2026-12-25, 2027-01-01',
    HTTP_TASKS_REGISTER_MONTHS: '36',
    HTTP_TASKS_TIME_ZONE: 'Australia/Lord_Howe',
    HTTP_TASKS_HTTP_ALLOW: 'https://hooks.example.com',
    HTTP_TASKS_NOTIFY_URL: 'https://hooks.example.com/services/k3y',
    HTTP_TASKS_NOTIFY_SECRET: 'sixteen letters!',
  };
  expect(readSettings(env).requests).toEqual({
    holidays: new Set(['2026-12-25', '2027-01-01']),
    keepMonths: 36,
    timeZone: 'Australia/Lord_Howe',
    notify: { url: 'https://hooks.example.com/services/k3y', secret: 'sixteen letters!' },
  });
});

it.each([
  [{ HTTP_TASKS_PUBLIC_HOLIDAYS: '2026-12-25,2026-02-30' }, 'HTTP_TASKS_PUBLIC_HOLIDAYS', /^"2026-02-30" is not a day/],
  [{ HTTP_TASKS_TIME_ZONE: 'Berlin' }, 'HTTP_TASKS_TIME_ZONE', /^is not the name of a time zone/],
  [{ HTTP_TASKS_REGISTER_MONTHS: '0' }, 'HTTP_TASKS_REGISTER_MONTHS', /from 1 to 600/],
  [{ HTTP_TASKS_NOTIFY_URL: 'hooks' }, 'HTTP_TASKS_NOTIFY_URL', /^is not a URL/],
  [
    { HTTP_TASKS_NOTIFY_URL: 'https://hooks.example.com/k3y' },
    'HTTP_TASKS_NOTIFY_URL',
    /^is at an origin that is not allowed; add https:\/\/hooks\.example\.com to HTTP_TASKS_HTTP_ALLOW\.$/,
  ],
  [{ HTTP_TASKS_NOTIFY_SECRET: 'too short' }, 'HTTP_TASKS_NOTIFY_SECRET', /has 9 characters/],
  [{ HTTP_TASKS_NOTIFY_SECRET: 'sixteen letters!' }, 'HTTP_TASKS_NOTIFY_SECRET', /HTTP_TASKS_NOTIFY_URL is not set/],
])('are refused: %j', (env, setting, message) => {
  const problems = problemsOf(() => readSettings({ ...GOOD, ...env }));
  expect(Object.keys(problems)).toEqual([setting]);
  expect(problems[setting]).toMatch(message);
  expect(problems[setting]).not.toContain('k3y');
});
