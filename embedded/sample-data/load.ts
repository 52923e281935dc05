/** Fills the sample databases, inside the server: rows come from its sequence engine and its random functions. */
import type { Connection } from '../../mariadb/server/sql.ts';
import { rowsOf } from '../../mariadb/server/sql.ts';
import { schemaStatements } from './schema.ts';

const kibi = 1024;
/** Fits a page of InnoDB with its header; one that does not quite would take two. */
const pictureBytes = 15 * kibi;
const letterBytes = 2 * kibi;
const visitBytes = 200;

/** Numbers of rows for a size in bytes: half of it is pictures, and no table is empty at any size. */
export function rowCounts(
  bytes: number,
): Record<'customers' | 'products' | 'orders' | 'pictures' | 'letters' | 'visits', number> {
  const share = (part: number, each: number): number => Math.max(50, Math.round((bytes * part) / each));
  return {
    customers: share(0.04, 700),
    products: share(0.02, 700),
    orders: share(0.05, 320),
    pictures: share(0.5, pictureBytes),
    letters: share(0.2, letterBytes),
    visits: share(0.08, visitBytes),
  };
}

/**
 * Makes the sample databases with about `bytes` of data. Not written to the binlog: what a backup has to get right
 * begins with the writers.
 */
export async function loadSampleData(connection: Connection, bytes: number): Promise<void> {
  await connection.query('SET SESSION sql_log_bin = 0, SESSION innodb_lock_wait_timeout = 120');
  for (const statement of schemaStatements) await connection.query(statement);
  // The sequence engine's tables are looked for in the current database.
  await connection.query('USE shop');
  for (const statement of fillStatements(rowCounts(bytes))) await connection.query(statement);
}

/** @returns bytes and number of the tables of some databases, as the server has them. */
export async function measureDatabases(
  connection: Connection,
  databases: readonly string[],
): Promise<{ bytes: number; tables: number }> {
  const [row] = await rowsOf<{ bytes: number | string; tables: number }>(
    connection,
    `SELECT SUM(data_length + index_length) AS bytes, COUNT(*) AS tables FROM information_schema.tables
     WHERE table_type <> 'VIEW' AND table_schema IN (?)`,
    [databases],
  );
  return { bytes: Number(row?.bytes ?? 0), tables: Number(row?.tables ?? 0) };
}

function fillStatements(rows: ReturnType<typeof rowCounts>): string[] {
  const random = (bytes: number): string =>
    `CONCAT(${Array(bytes / kibi)
      .fill(`RANDOM_BYTES(${kibi})`)
      .join(', ')})`;
  return [
    `INSERT INTO shop.customers
      SELECT seq, CONCAT('c', seq, '@', LEFT(MD5(RAND()), 8), '.example'), CONCAT('Customer ', MD5(RAND())),
        JSON_OBJECT('street', MD5(RAND()), 'number', FLOOR(RAND() * 400), 'city', ELT(1 + seq % 5, 'Oslo', 'Łódź', 'São Paulo', '東京', 'Köln'),
          'notes', JSON_ARRAY(MD5(RAND()), MD5(RAND()), RAND())),
        0, '2020-01-01' + INTERVAL FLOOR(RAND() * 1e14) MICROSECOND
      FROM seq_1_to_${rows.customers}`,
    `INSERT INTO shop.products
      SELECT seq, CONCAT('P', LPAD(seq, 11, '0')), ROUND(1 + RAND() * 500, 2), 1000000,
        JSON_OBJECT('colour', ELT(1 + seq % 3, 'red', 'green', 'blue'), 'weight', ROUND(RAND() * 100, 3)),
        CONCAT_WS(' ', MD5(RAND()), 'made', 'with', 'care', MD5(RAND()))
      FROM seq_1_to_${rows.products}`,
    // Loaded without the trigger's help, which would be one row at a time: the audit is filled the same way below.
    `INSERT INTO shop.orders
      SELECT seq, 1 + FLOOR(RAND() * ${rows.customers}), ELT(1 + seq % 4, 'placed', 'paid', 'sent', 'returned'),
        '2024-01-01' + INTERVAL seq SECOND
      FROM seq_1_to_${rows.orders}`,
    `INSERT INTO shop.order_lines
      SELECT o.id, n.seq, 1 + (o.id * 7 + n.seq) % ${rows.products}, 1 + n.seq, ROUND(1 + RAND() * 500, 2)
      FROM shop.orders o JOIN seq_1_to_2 n`,
    `INSERT INTO shop.journal (writer, entry) SELECT 0, CONCAT('loaded ', MD5(RAND())) FROM seq_1_to_1000`,
    `INSERT INTO shop.pictures
      SELECT seq, 1 + seq % ${rows.products}, ${random(pictureBytes)} FROM seq_1_to_${rows.pictures}`,
    `INSERT INTO archive.letters
      SELECT seq, CONCAT('Letter ', seq), TO_BASE64(${random(letterBytes)}) FROM seq_1_to_${Math.ceil(rows.letters / 1.5)}`,
    `INSERT INTO archive.visits
      SELECT seq, 2019 + seq % 7, CONCAT('/', MD5(RAND()), '/', MD5(RAND())), INET6_NTOA(UNHEX(MD5(seq)))
      FROM seq_1_to_${rows.visits}`,
    `INSERT INTO archive.notes SELECT seq, CONCAT_WS(' ', MD5(seq), 'tide', MD5(RAND())) FROM seq_1_to_1000`,
    `INSERT INTO archive.words SELECT seq, MD5(seq) FROM seq_1_to_5000`,
    `INSERT INTO archive.kinds
      (id, tiny, medium, big, exact, near, nearer, bits, day, clock, moment, stamp, anno, letters, bytes, choice,
       several, ident, place, document)
      SELECT seq, seq % 120, seq * 1000, -seq * 1000000007, seq / 7, RAND(), PI() * seq, seq,
        '1999-12-31' + INTERVAL seq DAY, SEC_TO_TIME(seq), '2001-01-01' + INTERVAL seq * 1000003 MICROSECOND,
        '2024-06-01' + INTERVAL seq MINUTE, 1950 + seq, LEFT(MD5(seq), 10), RANDOM_BYTES(64),
        ELT(1 + seq % 3, 'a', 'b', 'c'), 'x,z', UUID(), POINT(seq, -seq), JSON_OBJECT('n', seq)
      FROM seq_1_to_100`,
    `INSERT INTO archive.kinds (id) VALUES (0)`,
    `DO NEXTVAL(shop.invoice_numbers)`,
  ];
}
