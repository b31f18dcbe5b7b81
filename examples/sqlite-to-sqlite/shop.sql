-- A small shop: 1,000 customers and 20,000 orders.
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT, since DATE NOT NULL);
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers (id), amount DECIMAL(12,2) NOT NULL,
  note TEXT, created_at DATETIME NOT NULL);

WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
INSERT INTO customers SELECT i, 'Customer ' || i, CASE WHEN i % 10 = 0 THEN NULL ELSE 'c' || i || '@example.org' END,
  date('2020-01-01', '+' || i || ' days') FROM n;

WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
INSERT INTO orders SELECT i, 1 + i * 7919 % 1000, i % 9973, CASE WHEN i % 3 = 0 THEN NULL ELSE 'note ' || i || ' é' END,
  datetime('2026-01-01', '+' || i || ' minutes') FROM n;
