/**
 * The sample databases: a shop that is written to, and an archive that is not. Between them they have what a backup
 * can get wrong: several engines, foreign keys, large values, JSON, partitions, every kind of column, stored code,
 * and accounts.
 */

/** The tables that the writers change; nobody writes to the others once they are loaded. */
export const writtenTables = ['customers', 'products', 'orders', 'order_lines', 'audit', 'journal'] as const;

/** The database of {@link writtenTables}. */
export const shop = 'shop';

/** Databases that are made, and destroyed, as a whole. */
export const sampleDatabases = [shop, 'archive'] as const;

/** Accounts that are made beside them. */
export const sampleAccounts = ["'shop_app'@'localhost'", "'shop_reader'@'%'"] as const;
export const sampleRole = 'shop_auditor';

/** Statements that make everything but the rows. Each is sent alone. */
export const schemaStatements: readonly string[] = [
  'CREATE DATABASE shop CHARACTER SET utf8mb4',
  'CREATE DATABASE archive CHARACTER SET utf8mb4',
  `CREATE TABLE shop.customers (
    id INT UNSIGNED NOT NULL PRIMARY KEY,
    email VARCHAR(120) NOT NULL UNIQUE,
    name VARCHAR(80) NOT NULL,
    address JSON NOT NULL,
    spent DECIMAL(14,2) NOT NULL DEFAULT 0,
    since DATETIME(6) NOT NULL
  ) ENGINE=InnoDB`,
  `CREATE TABLE shop.products (
    id INT UNSIGNED NOT NULL PRIMARY KEY,
    sku CHAR(12) NOT NULL UNIQUE,
    price DECIMAL(10,2) NOT NULL,
    stock INT NOT NULL,
    properties JSON NOT NULL,
    description TEXT NOT NULL
  ) ENGINE=InnoDB`,
  `CREATE TABLE shop.orders (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    customer_id INT UNSIGNED NOT NULL,
    state ENUM('placed','paid','sent','returned') NOT NULL,
    placed_at TIMESTAMP(6) NOT NULL,
    KEY by_state (state, placed_at),
    FOREIGN KEY (customer_id) REFERENCES shop.customers (id)
  ) ENGINE=InnoDB`,
  `CREATE TABLE shop.order_lines (
    order_id BIGINT UNSIGNED NOT NULL,
    line SMALLINT UNSIGNED NOT NULL,
    product_id INT UNSIGNED NOT NULL,
    quantity SMALLINT UNSIGNED NOT NULL,
    price DECIMAL(10,2) NOT NULL,
    PRIMARY KEY (order_id, line),
    FOREIGN KEY (order_id) REFERENCES shop.orders (id),
    FOREIGN KEY (product_id) REFERENCES shop.products (id)
  ) ENGINE=InnoDB`,
  `CREATE TABLE shop.audit (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    order_id BIGINT UNSIGNED NOT NULL,
    what VARCHAR(40) NOT NULL,
    at TIMESTAMP(6) NOT NULL
  ) ENGINE=InnoDB ROW_FORMAT=COMPRESSED`,
  `CREATE TABLE shop.journal (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    writer TINYINT UNSIGNED NOT NULL,
    entry VARCHAR(200) NOT NULL
  ) ENGINE=Aria`,
  `CREATE TABLE shop.pictures (
    id INT UNSIGNED NOT NULL PRIMARY KEY,
    product_id INT UNSIGNED NOT NULL,
    image MEDIUMBLOB NOT NULL,
    FOREIGN KEY (product_id) REFERENCES shop.products (id)
  ) ENGINE=InnoDB`,
  `CREATE TABLE archive.visits (
    id INT UNSIGNED NOT NULL,
    year SMALLINT NOT NULL,
    path VARCHAR(200) NOT NULL,
    address INET6 NOT NULL,
    PRIMARY KEY (id, year)
  ) ENGINE=InnoDB PARTITION BY RANGE (year) (
    PARTITION before_2022 VALUES LESS THAN (2022),
    PARTITION in_2022 VALUES LESS THAN (2023),
    PARTITION in_2023 VALUES LESS THAN (2024),
    PARTITION later VALUES LESS THAN MAXVALUE
  )`,
  `CREATE TABLE archive.letters (
    id INT UNSIGNED NOT NULL PRIMARY KEY,
    subject VARCHAR(80) NOT NULL,
    body MEDIUMTEXT NOT NULL
  ) ENGINE=Aria`,
  `CREATE TABLE archive.notes (
    id INT UNSIGNED NOT NULL PRIMARY KEY,
    note TEXT NOT NULL,
    FULLTEXT KEY in_notes (note)
  ) ENGINE=InnoDB`,
  `CREATE TABLE archive.words (id INT NOT NULL PRIMARY KEY, word VARCHAR(40) NOT NULL) ENGINE=MyISAM`,
  `CREATE TABLE archive.kinds (
    id INT NOT NULL PRIMARY KEY,
    tiny TINYINT, medium MEDIUMINT UNSIGNED, big BIGINT, exact DECIMAL(30,10), near FLOAT, nearer DOUBLE,
    bits BIT(13), day DATE, clock TIME(3), moment DATETIME(6), stamp TIMESTAMP(6) NULL, anno YEAR,
    letters CHAR(10), bytes VARBINARY(64), choice ENUM('a','b','c'), several SET('x','y','z'), ident UUID,
    place POINT, doubled BIGINT AS (big * 2) PERSISTENT, document JSON
  ) ENGINE=InnoDB`,
  `CREATE SEQUENCE shop.invoice_numbers START WITH 1000`,
  `CREATE VIEW shop.order_totals AS
    SELECT o.id, o.customer_id, SUM(l.quantity * l.price) AS total
    FROM shop.orders o JOIN shop.order_lines l ON l.order_id = o.id GROUP BY o.id, o.customer_id`,
  `CREATE TRIGGER shop.orders_are_audited AFTER INSERT ON shop.orders FOR EACH ROW
    INSERT INTO shop.audit (order_id, what, at) VALUES (NEW.id, CONCAT('placed by ', NEW.customer_id), NEW.placed_at)`,
  `CREATE FUNCTION shop.total_of(wanted BIGINT UNSIGNED) RETURNS DECIMAL(14,2) READS SQL DATA
    RETURN (SELECT COALESCE(SUM(quantity * price), 0) FROM shop.order_lines WHERE order_id = wanted)`,
  `CREATE PROCEDURE shop.place_order(buyer INT UNSIGNED, product INT UNSIGNED, pieces SMALLINT UNSIGNED)
    MODIFIES SQL DATA
    BEGIN
      DECLARE made BIGINT UNSIGNED;
      INSERT INTO shop.orders (customer_id, state, placed_at) VALUES (buyer, 'placed', NOW(6));
      SET made = LAST_INSERT_ID();
      INSERT INTO shop.order_lines SELECT made, 1, id, pieces, price FROM shop.products WHERE id = product;
      UPDATE shop.products SET stock = stock - pieces WHERE id = product;
      UPDATE shop.customers SET spent = spent + shop.total_of(made) WHERE id = buyer;
    END`,
  `CREATE EVENT archive.forget_old_visits ON SCHEDULE EVERY 1 YEAR STARTS '2037-01-01 03:00:00'
    DO DELETE FROM archive.visits WHERE year < 2020`,
  `CREATE USER 'shop_app'@'localhost' IDENTIFIED BY PASSWORD '*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19'`,
  `GRANT SELECT, INSERT, UPDATE, DELETE, EXECUTE ON shop.* TO 'shop_app'@'localhost'`,
  `CREATE USER 'shop_reader'@'%' IDENTIFIED VIA unix_socket REQUIRE SSL WITH MAX_USER_CONNECTIONS 7`,
  `GRANT SELECT (name) ON shop.customers TO 'shop_reader'@'%'`,
  `CREATE ROLE ${sampleRole}`,
  `GRANT SELECT ON shop.audit TO ${sampleRole}`,
  `GRANT ${sampleRole} TO 'shop_reader'@'%'`,
];
