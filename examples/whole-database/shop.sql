CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, grade TEXT DEFAULT 'new');
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers (id), ordered_at DATETIME NOT NULL);
CREATE INDEX orders_by_customer ON orders (customer_id);
CREATE TABLE order_lines (order_id INTEGER NOT NULL REFERENCES orders (id), line INTEGER NOT NULL, article TEXT NOT NULL, price DECIMAL(10,2),
  PRIMARY KEY (order_id, line));
CREATE TABLE tmp_import (line TEXT);
CREATE TABLE sales_north (id INTEGER PRIMARY KEY, sold_at DATE NOT NULL, amount DECIMAL(10,2) NOT NULL);
CREATE TABLE sales_south (id INTEGER PRIMARY KEY, sold_at DATE NOT NULL, amount DECIMAL(10,2) NOT NULL);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
INSERT INTO customers (id, name) SELECT i, 'customer ' || i FROM n;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
INSERT INTO orders SELECT i, 1 + i % 500, datetime('2026-01-01', '+' || i || ' minutes') FROM n;
INSERT INTO order_lines SELECT id, l.line, 'article ' || (id * l.line % 97), round(id * l.line % 1000 / 4.0, 2) FROM orders, (SELECT 1 AS line UNION ALL SELECT 2) l;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
INSERT INTO sales_north SELECT i, date('2026-01-01', '+' || (i % 90) || ' days'), i * 1.25 FROM n;
INSERT INTO sales_south SELECT id, sold_at, amount + 1 FROM sales_north;
