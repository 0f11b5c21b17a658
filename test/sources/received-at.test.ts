import { removeFolders, rowsIn } from './reading';

afterAll(removeFolders);

const starting = (text: string) => expect.stringMatching(new RegExp(`^${text}`)) as string;

it('a row says when its own request was received, and by which law it is due', async () => {
  const lines = [
    '1,2015-03-05,gdpr',
    '2,2015-03-05T12:00:00+01:00,',
    '3,,',
    '4,2015-03-05 12:00:00,',
    '5,,gdpr',
    '6,2015-03-05,hipaa',
    '7,2999-01-01,ccpa',
    '8,2015-03-05,GDPR',
  ];
  expect(await rowsIn(`batch_user_id,received_at,law\n${lines.join('\n')}\n`)).toEqual([
    { line: 2, user: { batchUserId: '1', receivedAt: '2015-03-05', law: 'gdpr' } },
    { line: 3, user: { batchUserId: '2', receivedAt: '2015-03-05T12:00:00+01:00' } },
    { line: 4, user: { batchUserId: '3' } },
    { line: 5, problem: starting('received_at: must be a day such as .* --ignore-column received_at') },
    { line: 6, problem: starting('received_at: is required with law gdpr') },
    { line: 7, problem: starting('law: must be one of gdpr, ccpa, none; or leave .* --ignore-column law') },
    { line: 8, problem: starting('received_at: must not be in the future') },
    { line: 9, problem: starting('law: .*; did you mean gdpr\\? Or leave .* --ignore-column law') },
  ]);
});
