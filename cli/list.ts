/** Lists of the API: a page of it, or every page. */
import type { Query } from '../client/client.ts';
import type { ListFlags } from './options.ts';
import { type Column, table } from './output/table.ts';
import type { Session } from './session.ts';

interface List<A, T> {
  /** What is listed, in the plural. */
  noun: string;
  fetch: (query: Query) => Promise<A>;
  items: (answer: A) => readonly T[];
  count: (answer: A) => number;
  columns: readonly Column<T>[];
}

/** The most that the API gives at once. */
const largestPage = 10_000;

function pageQuery(flags: ListFlags): Query {
  return {
    page: flags.page,
    page_size: flags.pageSize ?? (flags.all ? largestPage : undefined),
    order: flags.order,
    created_before: flags.createdBefore,
  };
}

/** For people one table, and how to see the rest; for scripts the API's answer of each page, a line each. */
export async function showList<A extends { pages_count: number }, T>(
  session: Session,
  flags: ListFlags,
  filter: Query,
  list: List<A, T>,
): Promise<void> {
  const query = { ...filter, ...pageQuery(flags) };
  const first = await list.fetch(query);
  const answers = [first];
  if (flags.all) {
    for (let page = 2; page <= first.pages_count; page += 1)
      answers.push(await list.fetch({ ...query, page }));
  }
  const rows = answers.flatMap((answer) => list.items(answer));
  session.answers(answers, (width) => (rows.length === 0 ? '' : table(list.columns, rows, width)));
  if (rows.length === 0) session.hint(`There are no ${list.noun} to show.`);
  else if (!flags.all && first.pages_count > 1) {
    const which = `Page ${flags.page ?? 1} of ${first.pages_count}, of ${list.count(first)} ${list.noun}`;
    session.hint(`${which}. --page shows another one, --all all of them.`);
  }
}
