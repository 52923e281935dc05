/** A small database of many kinds of objects, so that a restore is checked on more than one engine. */

/** The statements that make the database `shop`; about 400 bytes a row, in each of six tables. */
export function sampleStatements(rows: number): string[] {
  return [
    'CREATE DATABASE shop',
    `CREATE TABLE shop.customers (
       id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(100) NOT NULL, details JSON, photo BLOB,
       created DATETIME(6) NOT NULL, KEY (name)
     ) ENGINE=InnoDB`,
    `CREATE TABLE shop.orders (
       id BIGINT PRIMARY KEY AUTO_INCREMENT, customer_id INT NOT NULL, total DECIMAL(12, 2) NOT NULL,
       FOREIGN KEY (customer_id) REFERENCES shop.customers (id)
     ) ENGINE=InnoDB`,
    `CREATE TABLE shop.events (id INT NOT NULL, day INT NOT NULL, note TEXT, PRIMARY KEY (id, day))
     ENGINE=InnoDB PARTITION BY RANGE (day)
     (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE)`,
    'CREATE TABLE shop.notes_aria (id INT PRIMARY KEY, note TEXT) ENGINE=Aria',
    'CREATE TABLE shop.notes_myisam (id INT PRIMARY KEY, note TEXT) ENGINE=MyISAM',
    'CREATE TABLE shop.sessions (id INT PRIMARY KEY, token VARCHAR(64)) ENGINE=MEMORY',
    `INSERT INTO shop.customers (name, details, photo, created)
     SELECT CONCAT('customer ', seq), JSON_OBJECT('n', seq), REPEAT(UNHEX(SHA2(seq, 256)), 10),
       '2026-01-01' + INTERVAL seq MINUTE FROM shop.seq_1_to_${rows}`,
    `INSERT INTO shop.orders (customer_id, total) SELECT seq, seq / 7 FROM shop.seq_1_to_${rows}`,
    `INSERT INTO shop.events SELECT seq, seq % 20, REPEAT(SHA2(seq, 512), 3) FROM shop.seq_1_to_${rows}`,
    `INSERT INTO shop.notes_aria SELECT seq, SHA2(seq, 512) FROM shop.seq_1_to_${rows}`,
    `INSERT INTO shop.notes_myisam SELECT seq, SHA2(seq, 512) FROM shop.seq_1_to_${rows}`,
    `CREATE VIEW shop.totals AS
     SELECT customer_id, SUM(total) AS total FROM shop.orders GROUP BY customer_id`,
    `CREATE TRIGGER shop.positive BEFORE INSERT ON shop.orders FOR EACH ROW SET NEW.total = ABS(NEW.total)`,
    `CREATE PROCEDURE shop.count_customers () SELECT COUNT(*) AS n FROM shop.customers`,
    `CREATE EVENT shop.nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM shop.events WHERE day < 0`,
  ];
}
