'use strict';
// An ESLint rule that keeps words out of comments, messages and titles of tests that readers of English stumble over, see
// CONTRIBUTING.md.
// The folders it applies to, and the texts that stay as they are, are listed in eslint.config.mjs.

/** What not to write, and what to write instead. */
const WORDS = [
  [/\b(?:no|some|every)body\b|\bwho(?:m|so)?ever\b|\beveryone\b/i, 'name who it is: user, caller, process, row, none'],
  [/\banew\b/i, 'write "again"'],
  [/\bat once\b/i, 'write "immediately", or "at the same time"'],
  [/\bfor ever\b/i, 'write "forever"'],
  [/\bunder way\b/i, 'write "in progress"'],
  [/\b(?:go|goes|going|gone|went) on\b/i, 'write "continue"'],
  [/\blast words?\b/i, 'write "final outcome"'],
  [/\bcom(?:e|es|ing) to (?:a|an|its|their)(?: good)? end\b/i, 'write "end" or "succeed"'],
  [/\bmend(?:s|ed|ing)?\b/i, 'write "fix"'],
  [/\bcut off\b/i, 'write "truncated"'],
  [/(?<!\bthere )\b(?:is|are|was) no (?!longer\b|more\b|less\b)/i, 'write "is not a"'],
  [/\bst(?:and|ands|anding|ood) (?:in|under|beside|there|behind)\b/i, 'write "is in" or "is stored in"'],
  [/\btells?\b|\btold\b/i, 'functions return, sources report, messages say'],
  [/\banswers?\b|\banswered\b|\banswering\b/i, 'functions return; what a server sends is a "response"'],
  [/\bbeside\b/i, 'write "next to" or "besides"'],
  [
    /^[\s*]*so (?:many|much|long|often|far)\b/i,
    'name the quantity and the unit: "Maximum number of …", "How long …, in milliseconds"',
  ],
  [/\boff-board/i, 'write "offboard"'],
  [/\b(?:time-out|start-up|clean-up)/i, 'write it as one word'],
];

/**
 * Returns what is wrong with a text, by the places of the words in it.
 *
 * @param {string} text
 * @param {readonly string[]} [allow] Parts of texts that stay as they are.
 * @returns {{ index: number, length: number, word: string, advice: string }[]}
 */
function problemsOf(text, allow = []) {
  // Replaced by as many other characters, so that the places stay.
  const checked = allow.reduce((rest, part) => rest.replaceAll(part, '·'.repeat(part.length)), text);
  return WORDS.flatMap(([pattern, advice]) => {
    // Words may be on two lines of a comment.
    const all = new RegExp(/** @type {RegExp} */ (pattern).source.replaceAll(' ', '[\\s*]+'), 'gi');
    return [...checked.matchAll(all)].map(({ index, 0: found }) => ({
      index,
      length: found.length,
      word: found.replaceAll(/[\s*]+/g, ' ').trim(),
      advice: String(advice),
    }));
  });
}

/** The functions of jest that take a title. */
const TITLED = /^(?:it|test|describe)$/;

/**
 * Whether an expression calls a function of jest that takes a title: `it`, `it.only`, `it.each(…)`, or `it.each` with a
 * template.
 *
 * @param {any} callee
 * @returns {boolean}
 */
function takesTitle(callee) {
  if (callee.type === 'Identifier') return TITLED.test(callee.name);
  const inner = callee.object ?? callee.callee ?? callee.tag;
  return inner !== undefined && takesTitle(inner);
}

/** @type {import('eslint').Rule.RuleModule} */
const rule = {
  meta: {
    type: 'suggestion',
    schema: [
      {
        type: 'object',
        properties: {
          allow: { type: 'array', items: { type: 'string' } },
          // Of the strings only titles of tests are checked: the others may be data.
          titlesOnly: { type: 'boolean' },
        },
        additionalProperties: false,
      },
    ],
    messages: { word: '"{{word}}": {{advice}}.' },
  },
  create(context) {
    const { sourceCode } = context;
    /** @type {{ allow?: string[], titlesOnly?: boolean }} */
    const { allow, titlesOnly = false } = context.options[0] ?? {};

    /** @param {number} start Where the text begins in the file. */
    const check = (/** @type {string} */ text, start) => {
      for (const { index, length, word, advice } of problemsOf(text, allow)) {
        const loc = {
          start: sourceCode.getLocFromIndex(start + index),
          end: sourceCode.getLocFromIndex(start + index + length),
        };
        context.report({ loc, messageId: 'word', data: { word, advice } });
      }
    };

    /** @param {string} raw Only texts for people: a name has no space. */
    const checkString = (raw, start = 0) => {
      if (raw.includes(' ')) check(raw, start);
    };

    const comments = {
      Program() {
        for (const { value, range } of sourceCode.getAllComments()) check(value, (range?.[0] ?? 0) + 2);
      },
    };
    if (titlesOnly) {
      return {
        ...comments,
        CallExpression({ callee, arguments: [title] }) {
          const isText = title?.type === 'Literal' || title?.type === 'TemplateLiteral';
          if (isText && takesTitle(callee)) check(sourceCode.getText(title), title.range?.[0] ?? 0);
        },
      };
    }
    return {
      ...comments,
      Literal({ raw = '', value, range }) {
        if (typeof value === 'string') checkString(raw, range?.[0]);
      },
      // A template with a tag is SQL or the like.
      ':not(TaggedTemplateExpression) > TemplateLiteral > TemplateElement'(
        /** @type {{ value: { raw: string }, range?: [number, number] }} */ { value, range },
      ) {
        checkString(value.raw, (range?.[0] ?? 0) + 1);
      },
    };
  },
};

module.exports = { problemsOf, rules: { 'plain-english': rule } };
