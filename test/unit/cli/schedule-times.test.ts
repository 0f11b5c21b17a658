import type { CalendarSpecDescription } from '@temporalio/client';
import { durationText, timesText } from '@temporal-http-tasks/cli/internal/schedule/times';

const once = <T>(value: T) => [{ start: value, end: value, step: 1 }];

function calendar(more: Partial<CalendarSpecDescription> = {}): CalendarSpecDescription {
  return {
    second: once(0),
    minute: once(0),
    hour: once(3),
    dayOfMonth: [{ start: 1, end: 31, step: 1 }],
    month: [{ start: 'JANUARY', end: 'DECEMBER', step: 1 }],
    dayOfWeek: [{ start: 'SUNDAY', end: 'SATURDAY', step: 1 }],
    year: [],
    ...more,
  };
}

describe('the times of a schedule', () => {
  it('are shown as the expression that they were made of, or else as an equivalent one', () => {
    const workdays = calendar({
      dayOfWeek: [{ start: 'MONDAY', end: 'FRIDAY', step: 1 }],
      minute: [{ start: 0, end: 59, step: 15 }],
    });
    const once2030 = calendar({
      second: once(30),
      month: once('MARCH'),
      dayOfMonth: [...once(1), ...once(15)],
      year: once(2030),
    });
    expect(timesText({ calendars: [calendar({ comment: '@daily' }), calendar(), workdays, once2030] })).toEqual([
      '@daily',
      '0 3 * * *',
      '*/15 3 * * 1-5',
      '30 0 3 1,15 3 * 2030',
    ]);
  });

  it('are shown in the largest whole unit for intervals', () => {
    expect(
      timesText({
        intervals: [
          { every: 86_400_000, offset: 0 },
          { every: 5_400_000, offset: 60_000 },
        ],
      }),
    ).toEqual(['every 1d', 'every 90m, 1m later']);
    expect([0, 1, 1_500, 60_000].map(durationText)).toEqual(['0ms', '1ms', '1500ms', '1m']);
  });
});
