/**
 * Cron expressions of five fields, read in UTC: minute, hour, day of the month, month, day of the week. Where both
 * day fields are restricted, a day that fits either of them counts, as in every cron.
 */

export interface Cron {
  /** The normal form: numbers instead of names, Sunday as 0, one blank between fields. */
  text: string;
  /** Each ascending, none empty. */
  minutes: readonly number[];
  hours: readonly number[];
  months: readonly number[];
  /** Days of the month; undefined: any (`*`). */
  days: readonly number[] | undefined;
  /** Days of the week, 0 is Sunday; undefined: any (`*`). */
  weekdays: readonly number[] | undefined;
}

interface Field {
  name: string;
  least: number;
  most: number;
  /** Names that stand for `least`, `least + 1` and so on. */
  names: readonly string[];
}

const minute: Field = { name: 'minute', least: 0, most: 59, names: [] };
const hour: Field = { name: 'hour', least: 0, most: 23, names: [] };
const day: Field = { name: 'day of the month', least: 1, most: 31, names: [] };
const month: Field = {
  name: 'month',
  least: 1,
  most: 12,
  names: ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'],
};
/** 7 is Sunday, too. */
const weekday: Field = {
  name: 'day of the week',
  least: 0,
  most: 7,
  names: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'],
};

const shorthands: Record<string, string> = {
  '@hourly': '0 * * * *',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@weekly': '0 0 * * 0',
  '@monthly': '0 0 1 * *',
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
};

/** Days of each month, January first; February as in a leap year. */
const monthLengths = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** What one field means: its normal form and the values it has. */
interface Reading {
  text: string;
  values: number[];
}

class Mistake extends Error {}

/**
 * @returns the expression, or what is wrong with it as a phrase that names the field
 * @example parseCron('0 9 ** MON') // text '0 9 * * 1': published examples lost the blank between two stars
 */
export function parseCron(text: string): Cron | { wrong: string } {
  try {
    return read(text);
  } catch (error) {
    if (error instanceof Mistake) return { wrong: error.message };
    throw error;
  }
}

/** @throws Mistake */
function read(text: string): Cron {
  const [minutes = '', hours = '', days = '', months = '', weekdays = ''] = fieldsOf(text);
  const fields = {
    minute: readField(minutes, minute),
    hour: readField(hours, hour),
    day: readField(days, day),
    month: readField(months, month),
    weekday: readField(weekdays, weekday),
  };
  if (fields.day.text !== '*' && fields.weekday.text !== '*') {
    // Either one counts: where one of them has every day, so has the expression.
    const full = fields.day.values.length === 31 || fields.weekday.values.length === 7;
    if (full) fields.day.text = fields.weekday.text = '*';
  }
  for (const [reading, size] of [
    [fields.minute, 60],
    [fields.hour, 24],
    [fields.day, 31],
    [fields.month, 12],
    [fields.weekday, 7],
  ] as const) {
    if (reading.values.length === size) reading.text = '*';
  }
  const cron: Cron = {
    text: Object.values(fields)
      .map((reading) => reading.text)
      .join(' '),
    minutes: fields.minute.values,
    hours: fields.hour.values,
    months: fields.month.values,
    days: fields.day.text === '*' ? undefined : fields.day.values,
    weekdays: fields.weekday.text === '*' ? undefined : fields.weekday.values,
  };
  refuseNever(cron);
  return cron;
}

/** @throws Mistake when there are not five */
function fieldsOf(text: string): string[] {
  const words = text.split(/\s+/).filter((word) => word !== '');
  const [first = ''] = words;
  if (first.startsWith('@')) {
    const expression = words.length === 1 ? shorthands[first.toLowerCase()] : undefined;
    if (expression !== undefined) return expression.split(' ');
    throw new Mistake(
      `"${short(words.join(' '))}" is none of the words ${Object.keys(shorthands).join(', ')}`,
    );
  }
  const parts = words.length < 5 ? words.flatMap((word) => (word === '**' ? ['*', '*'] : [word])) : words;
  if (parts.length === 5) return parts;
  throw new Mistake(`this has ${words.length === 1 ? '1 field' : `${words.length} fields`}`);
}

/** @throws Mistake */
function readField(text: string, field: Field): Reading {
  const items = text.split(',').map((item) => readItem(item, field));
  const values = [...new Set(items.flatMap((item) => item.values))].toSorted((a, b) => a - b);
  return { text: [...new Set(items.map((item) => item.text))].join(','), values };
}

/** `*`, a value or a range, each with a step if wanted. @throws Mistake */
function readItem(item: string, field: Field): Reading {
  const refuse = (why: string): never => {
    throw new Mistake(`the ${field.name} "${short(item)}" ${why}`);
  };
  const [, range = '', stepText] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(item) ?? [];
  const limits = `${field.least} to ${field.most}`;
  if (range === '') refuse(`is no value, range or list of ${limits}`);
  // Sunday has two numbers; a step walks over seven days all the same.
  const last = field === weekday ? 6 : field.most;
  const size = last - field.least + 1;
  const step = stepText === undefined ? 1 : Number(stepText);
  if (step === 0) refuse('has the step 0; the least is 1');
  if (step > size) refuse(`has a step of more than ${size}, and would not repeat`);
  const ends = range === '*' ? [field.least, last] : range.split('-').map((end) => valueOf(end, field));
  if (ends.length > 2 || ends.some(Number.isNaN)) refuse(`is no value, range or list of ${limits}`);
  const [from = NaN] = ends;
  let [, to = stepText === undefined ? from : Math.max(last, from)] = ends;
  if (field === weekday && to === 0 && from > 0) to = 7;
  if (from < field.least || to > field.most) refuse(`is outside of ${limits}`);
  if (from > to)
    refuse(`begins after it ends; write two ranges, such as ${from}-${last},${field.least}-${to}`);
  const values = rangeOf(from, to, step);
  if (range === '*') return { text: step === 1 ? '*' : `*/${step}`, values };
  if (field === weekday && values.includes(7)) {
    const days = values.map((value) => value % 7).toSorted((a, b) => a - b);
    return { text: days.join(','), values: days };
  }
  if (from === to) return { text: String(from), values };
  return { text: step === 1 ? `${from}-${to}` : `${from}-${to}/${step}`, values };
}

function rangeOf(from: number, to: number, step: number): number[] {
  const values: number[] = [];
  for (let value = from; value <= to; value += step) values.push(value);
  return values;
}

function valueOf(text: string, field: Field): number {
  const named = field.names.indexOf(text.toLowerCase());
  if (named >= 0) return field.least + named;
  return /^\d{1,2}$/.test(text) ? Number(text) : NaN;
}

/** @throws Mistake for a day that none of the months has */
function refuseNever({ days, months, weekdays }: Cron): void {
  if (days === undefined || weekdays !== undefined) return;
  const [first = 1] = days;
  if (months.some((number) => first <= (monthLengths[number - 1] ?? 0))) return;
  const names = months.map((number) => month.names[number - 1] ?? '').join(', ');
  throw new Mistake(`it would never run: there is no day ${first} in the month ${names}`);
}

function short(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
