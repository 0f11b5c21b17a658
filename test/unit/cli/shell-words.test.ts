import { shellWords } from '@temporal-http-tasks/cli/internal/curl/shell-words';
import { Refusal } from '@temporal-http-tasks/cli/internal/program/errors';

describe('the words of a command', () => {
  it.each([
    [`curl 'a b'"c d"e\\ f`, ['curl', 'a bc de f']],
    [`curl \\\n  -d '{"a":\n1}' \\\r\n  ''`, ['curl', '-d', '{"a":\n1}', '']],
    [`curl "it's \\"so\\" \\$5 \\\\ \\n"`, ['curl', `it's "so" $5 \\ \\n`]],
    [`curl $'it\\'s\\n\\u0021\\x41'`, ['curl', "it's\n!A"]],
    [`curl 'it'\\''s'`, ['curl', "it's"]],
    [`curl a#b c$`, ['curl', 'a#b', 'c$']],
    [String.raw`curl $'\xC3\xA9 \303\251 \u00e9 \U0001f600 \ud83d\ude00 \cA\e\q'`, ['curl', 'é é é 😀 😀 \x01\x1b\\q']],
    [`curl $"a b" -d {a} '{a,b}'`, ['curl', 'a b', '-d', '{a}', '{a,b}']],
    [
      String.raw`curl ^"https://a.example/?a=b^&c=^%^41^" ^` +
        '\n' +
        String.raw`  -H ^"a: b^" ^` +
        '\r\n' +
        String.raw`  --data-raw ^"^{^\^"a^\^":^\^"b\\c^\^"^}^` +
        '\n\nd^"',
      ['curl', 'https://a.example/?a=b&c=%41', '-H', 'a: b', '--data-raw', '{"a":"b\\\\c"}\nd'],
    ],
    [
      String.raw`curl "https://a.example" ^` + '\n' + String.raw`  -H "a: ""b""" -d "{\"a\":1}" --compressed`,
      ['curl', 'https://a.example', '-H', 'a: "b"', '-d', '{"a":1}', '--compressed'],
    ],
    [
      'curl.exe "https://a.example/`$x" `\n  -H \'it\'\'s "so"\' `\r\n  -d "a`tb""c`u{e9}"',
      ['curl.exe', 'https://a.example/$x', '-H', `it's "so"`, '-d', 'a\tb"cé'],
    ],
  ])('of %s are those of a shell', (text, words) => expect(shellWords(text).words).toEqual(words));

  it('name the variables that a shell would fill in', () => {
    expect([...shellWords(`curl $A "\${B}c" '$D' \\$E $1`).variables]).toEqual(['$A', '${B}', '$1']);
    expect([...shellWords('curl ^"%A%b%20c%E4%BD%^" ^\n -d "^%C%"').variables]).toEqual(['%A%', '%C%']);
    expect([...shellWords('curl "$A`$B" \'$C\' `\n ${D}').variables]).toEqual(['$A', '${D}']);
  });

  it.each([
    'curl a; rm b',
    'curl a | sh',
    'curl a > b',
    'curl a & b',
    'curl $(id)',
    'curl "`id`"',
    'curl `id`',
    "curl 'a",
    'curl "a',
    "curl $'a",
    'curl a\ncurl b',
    'curl a # b',
  ])('%j are refused', (text) => expect(() => shellWords(text)).toThrow(Refusal));
});
