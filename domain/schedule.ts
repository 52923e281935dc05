/** The grammar of `schedule`: `once`, or a cron expression of five fields, read in UTC. */

interface Field {
  name: string;
  least: number;
  most: number;
  /** Names that stand for `least`, `least + 1` and so on. */
  names: string[];
}

const fields: Field[] = [
  { name: 'minute', least: 0, most: 59, names: [] },
  { name: 'hour', least: 0, most: 23, names: [] },
  { name: 'day of the month', least: 1, most: 31, names: [] },
  {
    name: 'month',
    least: 1,
    most: 12,
    names: ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'],
  },
  { name: 'day of the week', least: 0, most: 7, names: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] },
];

/** What is allowed, to complete "has to be …". */
export const scheduleRule = '"once" or a cron expression of five fields in UTC, such as "0 3 * * *"';

/**
 * The normal form of a schedule, its fields separated by one blank, or why it has none. Four fields of which one is
 * `**` are read as five, because published examples lost the blank between two stars.
 *
 * @example parseSchedule('0 9 ** *') // { schedule: '0 9 * * *' }
 */
export function parseSchedule(text: string): { schedule: string } | { wrong: string } {
  const words = text.split(/\s+/).filter((word) => word !== '');
  if (words.length === 1 && words[0] === 'once') return { schedule: 'once' };
  const parts = words.length === 4 ? words.flatMap((word) => (word === '**' ? ['*', '*'] : [word])) : words;
  if (parts.length !== fields.length) return { wrong: `this has ${words.length} fields` };
  for (const [index, field] of fields.entries()) {
    const part = parts[index] ?? '';
    if (!part.split(',').every((item) => isItem(item, field))) {
      return { wrong: `"${part.slice(0, 40)}" is no ${field.name} (${field.least} to ${field.most})` };
    }
  }
  return { schedule: parts.join(' ') };
}

/** `*`, a value or a range, each with a step if wanted. */
function isItem(item: string, field: Field): boolean {
  const [, range = '', step] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(item) ?? [];
  if (range === '' || (step !== undefined && Number(step) === 0)) return false;
  if (range === '*') return true;
  const ends = range.split('-').map((end) => valueOf(end, field));
  const [from = NaN, to = from] = ends;
  return ends.length <= 2 && from >= field.least && to <= field.most && from <= to;
}

function valueOf(text: string, field: Field): number {
  const named = field.names.indexOf(text.toLowerCase());
  if (named >= 0) return field.least + named;
  return /^\d{1,2}$/.test(text) ? Number(text) : NaN;
}
