/** The grammar of `schedule`: `once`, or a cron expression of five fields, read in UTC. */
import { TidemarkError } from './errors.ts';

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

/**
 * The normal form of a schedule: fields separated by one blank. Four fields of which one is `**` are read as five,
 * because published examples lost the blank between two stars.
 *
 * @throws invalid_schedule naming the field that is wrong
 * @example normalSchedule('0 9 ** *') // '0 9 * * *'
 */
export function normalSchedule(schedule: string): string {
  const words = schedule.trim().split(/\s+/);
  if (words.length === 1 && words[0] === 'once') return 'once';
  const parts = words.length === 4 ? words.flatMap((word) => (word === '**' ? ['*', '*'] : [word])) : words;
  if (parts.length !== fields.length) {
    throw refusal(`it has ${schedule.trim() === '' ? 0 : words.length} fields`);
  }
  for (const [index, field] of fields.entries()) {
    const part = parts[index] ?? '';
    if (!part.split(',').every((item) => isItem(item, field))) {
      throw refusal(`"${part.slice(0, 40)}" is no ${field.name} (${field.least}-${field.most})`);
    }
  }
  return parts.join(' ');
}

function refusal(reason: string): TidemarkError {
  return new TidemarkError(
    'invalid_schedule',
    `The schedule has to be "once" or a cron expression of five fields in UTC, such as "0 3 * * *"; ${reason}.`,
  );
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
