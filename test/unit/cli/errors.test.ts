import { reportOf } from '@temporal-http-tasks/cli/internal/program/errors';
import { TooManyBadRowsError } from 'temporal-http-tasks/internal/sources/check-rows';
import { SourceError, SourceUnavailableError } from 'temporal-http-tasks/internal/sources/source';

describe('an error of a source', () => {
  it('that is wrong is a wrong input, by its field', () => {
    const { exitCode, report } = reportOf(new SourceError('file', 'is not there (ENOENT).'));
    expect(exitCode).toBe(2);
    expect(report).toEqual({ type: 'Task.InvalidInput', field: 'file', message: 'file: is not there (ENOENT).' });
    const bad = new TooManyBadRowsError(
      { good: 1, bad: 2 },
      [{ line: 2, problem: 'has no user ID' }],
      'none is tolerated',
    );
    expect(reportOf(bad)).toMatchObject({ exitCode: 2, report: { type: 'Task.InvalidInput', field: 'source' } });
  });

  it('that cannot be read right now is not a usage error', () => {
    const away = new SourceUnavailableError('The file cannot be read right now (EIO).');
    expect(reportOf(away)).toEqual({ exitCode: 1, report: { type: 'SourceUnavailable', message: away.message } });
  });
});
