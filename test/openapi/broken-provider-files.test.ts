import { changed, problemsOf } from './provider-files';

describe('a broken provider file is refused with place, line and what is allowed:', () => {
  it.each<[string, string | RegExp, string, RegExp]>([
    [
      'an unknown key',
      'title: City',
      'titel: City',
      /^3 titel: unknown key; allowed: provider, title.*did you mean title\?/,
    ],
    ['a key with brackets', 'title: City Library', 'title: City Library\n"a[b": 1', /^4 a\[b: unknown key/],
    ['an address without a host', 'https://test.library.example/v1', 'https:///v1', /^7 environments.test: must be/],
    ['no name', 'provider: cityLibrary', 'docs2: x', /^ provider: is required/],
    ['a bad name', 'provider: cityLibrary', 'provider: City', /^2 provider: must start with a small letter/],
    ['a name that is taken', 'provider: cityLibrary', 'provider: plaid', /^2 provider: is taken: plaid belongs/],
    [
      'a name with settings of the package',
      'provider: cityLibrary',
      'provider: httpTasks',
      /provider: cannot be used: .*HTTP_TASKS_ENV/,
    ],
    [
      'a name with a setting of Node.js',
      'provider: cityLibrary',
      'provider: node',
      /provider: cannot be used: .*NODE_ENV/,
    ],
    [
      'a redirect as an absent status',
      'absent: [410]',
      'absent: [301]',
      /tasks.voidCard.absent\[0\]: must be a provider code as a text, or an HTTP status from 200 to 299 or from 400 to 499/,
    ],
    [
      'a refused key as an absent status',
      'absent: [410]',
      'absent: [401]',
      /tasks.voidCard.absent\[0\]: 401 means that the key was refused; .*add { status: 401, means: rejected } under/,
    ],
    ['no document', 'library.openapi.json', 'missing.json', /^5 openapi: the document cannot be read \(ENOENT\)$/],
    ['a document at a URL', 'library.openapi.json', 'https://x.example/o.json', /openapi: must be the path of a file/],
    ['an insecure address', 'https://test.library', 'http://test.library', /^7 environments.test: must be https/],
    [
      'a password in an address',
      'https://test.library',
      'https://a:b@test.library',
      /environments.test: must not contain a user/,
    ],
    [
      'a query in an address',
      'example/v1\n  live',
      'example/v1?a=b\n  live',
      /environments.test: must not contain a query/,
    ],
    [
      'an unknown environment',
      '[live]',
      '[lvie]',
      /^9 productionEnvironments\[0\]: unknown environment; allowed: test, live; did you mean live/,
    ],
    [
      'an unknown scheme',
      'libraryKey: LIB',
      'libaryKey: LIB',
      /credentials.libaryKey: unknown security scheme.*did you mean libraryKey\?/,
    ],
    ['a key instead of a setting', 'LIBRARY_KEY', 'sk_live_1', /credentials.libraryKey: must be the name of a setting/],
    [
      'a setting of the package',
      'LIBRARY_KEY',
      'HTTP_TASKS_LEDGER_URL',
      /credentials.libraryKey: HTTP_TASKS_LEDGER_URL cannot be/,
    ],
    [
      'a setting twice',
      'LIBRARY_CLIENT_ID',
      'LIBRARY_KEY',
      /credentials.adminClient.clientId: LIBRARY_KEY is already read for/,
    ],
    [
      'a setting of its own address',
      'LIBRARY_CLIENT_ID',
      'CITY_LIBRARY_ENV',
      /CITY_LIBRARY_ENV is already read for the provider itself/,
    ],
    ['a token endpoint without TLS', 'https://login', 'http://login', /adminClient.tokenUrl: must be an https URL/],
    [
      'an unknown key of a client',
      'scope: erase',
      'scopes: erase',
      /adminClient.scopes: unknown key; .*did you mean scope\?/,
    ],
    [
      'a setting for a parameter that no operation has',
      'errors:',
      'parameters: { memebr: LIBRARY_MEMBER }\nerrors:',
      /^17 parameters.memebr: no operation has a parameter with this name$/,
    ],
    [
      'a parameter with the setting of a key',
      'errors:',
      'parameters: { member: LIBRARY_KEY }\nerrors:',
      /parameters.member: LIBRARY_KEY is already read for credentials.libraryKey/,
    ],
    ['no list of codes', 'refusedFor: [bad_member]', 'refusedFor: null', /bulk.refusedFor: must be a list/],
    [
      'a token that is no path',
      'means: accepted, remedy: None.',
      'token: "job..id", means: accepted, remedy: None.',
      /tasks.fileErasure.token: must be a dotted path/,
    ],
    ['a path that is none', 'errors.code', 'errors..code', /errors.code: must be a dotted path/],
    [
      'an unknown meaning',
      'means: unavailable',
      'means: unavailible',
      /errors.rules\[0\].means: must be one of .*did you mean unavailable\?/,
    ],
    [
      'a rule for nothing',
      '{ status: 409, code: locked, means: unavailable }',
      '{ means: lost }',
      /errors.rules\[0\].code: is required/,
    ],
    [
      'a rate of nothing',
      'callsPerMinute: 600',
      'callsPerMinute: 0',
      /^23 rate.callsPerMinute: must be a whole number/,
    ],
    ['an ID without words', '{ about: Library cards., list: true }', '{ list: true }', /ids.cards.about: is required/],
    [
      'IDs with one column',
      'personId: {',
      'cards_: { about: x }\n  personId: {',
      /ids.cards_: must be a name in camelCase/,
    ],
    [
      'IDs whose columns collide',
      'personId: {',
      'memberID: { about: x }\n  personId: {',
      /ids.memberID: would have the column city_library_member_id of memberId/,
    ],
    ['an unknown other ID', 'instead: personId', 'instead: persondId', /ids.passToken.instead: must be another ID/],
    ['a type that is none', 'type: integer', 'type: number', /ids.memberId.type: must be text or integer/],
    [
      'an unknown task',
      'voidCard: { effect',
      'voidCrad: { effect',
      /tasks.voidCrad: unknown task; allowed: .*did you mean voidCard\?/,
    ],
    [
      'an unknown effect',
      'effect: repeatSafe, remedy: Print',
      'effect: repeatable, remedy: Print',
      /tasks.voidCard.effect: must be one of read, repeatSafe/,
    ],
    [
      'a way to settle that is none',
      'settle: resend',
      'settle: again',
      /tasks.fileErasure.settle: must be resend, or \{ by: look, with, input, absent \}/,
    ],
    [
      'a read that settles, of a task that is none',
      'settle: resend',
      'settle: { by: look, with: getErasur, input: { id: "${key}" }, absent: [404] }',
      /tasks.fileErasure.settle.with: unknown task; allowed: .*did you mean getErasure\?/,
    ],
    [
      'a read that settles, with a field that the call does not have',
      'settle: resend',
      'settle: { by: look, with: getErasure, input: { id: "${kee}" }, absent: [404] }',
      /tasks.fileErasure.settle.input.id: unknown placeholder \$\{kee\}/,
    ],
    [
      'a read that settles, without a sign of absence',
      'settle: resend',
      'settle: { by: look, with: getErasure, input: { id: "${key}" } }',
      /tasks.fileErasure.settle.absent: must list at least one/,
    ],
    [
      'a status that is a code',
      '[410]',
      '[31]',
      /tasks.voidCard.absent\[0\]: must be a provider code as a text, or an HTTP status/,
    ],
    [
      'an act without a remedy',
      ', remedy: Lend the books again.',
      '',
      /steps\[0\].act.task: cityLibrary.returnLoans needs a remedy under tasks.returnLoans/,
    ],
    [
      'an act without decisions',
      /\n {2}returnLoans: .*/,
      '',
      /steps\[0\].act.task: .* needs effect and remedy under tasks.returnLoans/,
    ],
    [
      'an operation that cannot be called',
      'task: returnLoans',
      'task: createStaff',
      /steps\[0\].act.task: cannot be called: signs in with a security scheme/,
    ],
    [
      'a look that changes something',
      'task: getMember',
      'task: deleteMember',
      /steps\[1\].look.task: cityLibrary.deleteMember must be a read/,
    ],
    [
      'an unknown task in a step',
      'look: { task: getMember',
      'look: { task: getMembre',
      /steps\[1\].look.task: unknown task; .*did you mean getMember\?/,
    ],
    [
      'an unknown placeholder',
      '"${cards}"',
      '"${cardz}"',
      /steps\[2\].act.input.card_token: unknown placeholder \$\{cardz\}.*did you mean \$\{cards\}\?/,
    ],
    [
      'a placeholder in a text',
      '"${cards}"',
      '"c-${cards}"',
      /steps\[2\].act.input.card_token: a placeholder must be the whole text/,
    ],
    [
      'a placeholder elsewhere',
      'title: City Library',
      'title: City ${reference}',
      /^3 title: placeholders are only possible/,
    ],
    [
      'each of an ID that is no list',
      'each: cards',
      'each: memberId',
      /steps\[2\].each: must be an ID that is a list; those are: cards, loanIds/,
    ],
    ['each that is not used', '"${cards}"', '"${personId}"', /steps\[2\].act.input: must use \$\{cards\}/],
    [
      'a field that the task does not have',
      'input: { card_token:',
      'input: { card_tokn:',
      /steps\[2\].act.input.card_tokn: unknown field of cityLibrary.voidCard; allowed: card_token; did you mean card_token\?/,
    ],
    [
      'a field that the task requires',
      ', key: "${callId}"',
      '',
      /steps\[3\].act.input: cityLibrary.fileErasure requires the field key/,
    ],
    [
      'a required field that may be absent',
      'key: "${callId}"',
      'key: "${reference}"',
      /steps\[3\].act.input: cityLibrary.fileErasure requires the field key, whose value may be absent/,
    ],
    [
      'a list where a text belongs',
      '{ person: "${personId}", key',
      '{ person: "${cards}", key',
      /steps\[3\].act.input.person: does not fit/,
    ],
    [
      'a constant that is not allowed',
      'else: other',
      'else: another',
      /steps\[1\].act.input.reason: does not fit the field/,
    ],
    [
      'a cursor that is no field',
      'cursor: cursor',
      'cursor: after',
      /steps\[0\].look.cursor: unknown field of cityLibrary.listLoans/,
    ],
    [
      'after a later step',
      'step: cityLibrary.loans, unless',
      'step: cityLibrary.cards, unless',
      /steps\[1\].after\[0\].step: must name an earlier step/,
    ],
    [
      'bulk with several IDs',
      'look: { task: getMember, input: { member: "${memberId}" }',
      'look: { task: getMember, input: { member: "${personId}" }',
      /steps\[1\].bulk: needs a step about one ID/,
    ],
    [
      'bulk with an irreversible task',
      'deleteMembers: { effect: repeatSafe',
      'deleteMembers: { effect: irreversible',
      /steps\[1\].bulk.task: .* must have the effect repeatSafe/,
    ],
    [
      'absent under bulk',
      'refusedFor: [bad_member]',
      'absent: [{ ok: false }]',
      /steps\[1\].bulk.absent: unknown key; allowed: task, input, failed/,
    ],
    [
      'too many in one call',
      'most: 100',
      'most: 100000',
      /steps\[1\].bulk.most: must be a whole number from 1 to 10000/,
    ],
    [
      'more items in one call than the task takes',
      'most: 20',
      'most: 101',
      /steps\[0\].act.most: cityLibrary.returnLoans takes at most 100 entries in loans$/,
    ],
    [
      'more users in one call than the task takes',
      'most: 100',
      'most: 501',
      /steps\[1\].bulk.most: cityLibrary.deleteMembers takes at most 500 entries in members$/,
    ],
    [
      'brackets in a path',
      'items: data.loans.id',
      'items: "data.loans[].id"',
      /steps\[0\].look.items: must be a dotted path without brackets, such as "data.loans.id"$/,
    ],
    [
      'an index in brackets',
      'handle: data.id',
      'handle: "data[2].id"',
      /steps\[3\].handle: must be a dotted path without brackets, such as "data.2.id"$/,
    ],
    [
      'a kind that is none',
      'kind: manual',
      'kind: manuel',
      /steps\[4\].kind: must be one of once, list, request, manual/,
    ],
    ['a key for slots', 'kind: manual', 'keySlot: ios\n    kind: manual', /steps\[4\].keySlot: unknown key/],
    [
      'two steps of one name',
      'step: shelf',
      'step: cards',
      /steps\[4\].step: a second step is named cityLibrary.cards/,
    ],
    [
      'a simulated answer of an unknown task',
      'simulate:\n  deleteMember',
      'simulate:\n  deleteMembr',
      /simulate.deleteMembr: unknown task/,
    ],
    ['a key twice', 'title: City Library', 'title: a\ntitle: b', /^4 : a key is given twice/],
    ['text that is no YAML', 'title: City Library', 'title: [', /^\d+ : is neither YAML nor JSON/],
  ])('%s', async (_what, from, to, expected) => {
    const found = await problemsOf(changed(from, to));
    expect(found.join('\n')).toMatch(new RegExp(expected.source, 'm'));
  });

  it('all problems together, and no unknown task where the document cannot be read', async () => {
    const text = changed('library.openapi.json', 'missing.json')
      .replace('each: cards', 'each: card')
      .replace('callsPerMinute: 600', 'callsPerMinute: many')
      .replace('[live]', 'live');
    const found = await problemsOf(text);
    expect(found.map((line) => /^\d* ([^:]+)/.exec(line)?.[1])).toEqual([
      'openapi',
      'productionEnvironments',
      'rate.callsPerMinute',
      'steps[2].each',
    ]);
  });

  it('each field that a call lacks', async () => {
    expect(await problemsOf(changed('person: "${personId}", key: "${callId}", ', ''))).toEqual([
      expect.stringContaining('steps[3].act.input: cityLibrary.fileErasure requires the field person'),
      expect.stringContaining('steps[3].act.input: cityLibrary.fileErasure requires the field key'),
    ]);
  });

  it('an unknown key once, and not each placeholder below it', async () => {
    const found = await problemsOf(changed('steps:', 'stepz:'));
    expect(found.map((line) => /^\d* ([^:]+)/.exec(line)?.[1])).toEqual(['steps', 'stepz']);
  });

  it('dates, and numbers as YAML 1.1 had them, are texts', async () => {
    const found = await problemsOf(
      changed('title: City Library', 'title: 2026-11-29').replace('note: "${reason.note}"', 'note: yes'),
    );
    expect(found).toEqual([]);
  });

  it.each([
    ['nothing', ''],
    ['a list', '- a'],
    ['a text', 'a'],
  ])('%s', async (_what, text) => {
    expect(await problemsOf(text)).not.toEqual([]);
  });
});
