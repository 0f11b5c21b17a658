'use strict';
// `node scripts/settings-tables.cjs`, after a build: writes the tables of docs/settings.md from src/config/setting-table.ts.
// Each is between `<!-- settings: USE -->` and `<!-- end -->`; the rest of the page is written by hand.
const { readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const PAGE = join(__dirname, '../docs/settings.md');
const TABLE = /(<!-- settings: (\w+) -->\n)[^]*?(<!-- end -->)/g;

/** @typedef {import('../src/config/setting-table').SettingDefinition} SettingDefinition */

/**
 * Returns the page with its tables written again.
 *
 * @param {string} page
 * @param {Readonly<Record<string, SettingDefinition>>} settings
 */
function withTables(page, settings) {
  const left = new Set(Object.values(settings).map(({ used }) => used));
  const written = page.replaceAll(TABLE, (_, begin, use, end) => {
    left.delete(use);
    const rows = Object.entries(settings).filter(([, { used }]) => used === use);
    return `${begin}${tableOf(rows)}\n${end}`;
  });
  if (left.size > 0) throw new Error(`docs/settings.md has no table for: ${[...left].join(', ')}.`);
  return written;
}

/** @param {readonly [string, SettingDefinition][]} rows */
function tableOf(rows) {
  const cells = rows.map(([name, setting]) => [
    `\`${name}\``,
    valueOf(setting),
    setting.meaning,
    setting.default === undefined ? (setting.otherwise ?? 'none') : textOf(setting.default),
  ]);
  return [['setting', 'value', 'meaning', 'default'], ['---', '---', '---', '---'], ...cells]
    .map((row) => `| ${row.join(' | ')} |`)
    .join('\n');
}

/** @param {SettingDefinition} setting What its value may be. */
function valueOf(setting) {
  if (setting.type === 'choice') return setting.allowed.map((word) => `\`${word}\``).join(', ');
  if (setting.type !== 'integer') return setting.secret ? `${setting.type}, secret` : setting.type;
  const { min, max, unit } = setting;
  return `${number(min)} to ${number(max)}${unit === undefined ? '' : ` ${unit}`}`;
}

/** @param {string | number} value */
function textOf(value) {
  return typeof value === 'number' ? number(value) : `\`${value}\``;
}

/** @param {number} value */
function number(value) {
  return value.toLocaleString('en');
}

module.exports = { PAGE, withTables };

if (require.main === module) {
  const { SETTINGS } = require(join(__dirname, '../dist/config/setting-table.js'));
  writeFileSync(PAGE, withTables(readFileSync(PAGE, 'utf8'), SETTINGS));
}
