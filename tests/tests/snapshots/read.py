"""Reads the snapshot in `office` with DuckDB and with pandas and prints what it comes to."""

import json
from pathlib import Path

import duckdb
import pandas

TABLES = ["sales", "items", "payments", "adjustments", "stock", "products", "stores", "customers"]


def text(value):
    return format(value, "f")


def with_duckdb():
    db = duckdb.connect()
    for table in TABLES:
        if Path("office", table).exists():
            db.execute(f"CREATE VIEW {table} AS FROM read_parquet('office/{table}/*/*.parquet')")

    def one(query):
        return db.execute(query).fetchone()[0]

    return {
        "total": text(one("SELECT sum(total) FROM sales")),
        "tax": text(one("SELECT sum(tax) FROM sales")),
        "gross": text(one("SELECT sum(gross) FROM items")),
        "net": text(one("SELECT sum(net) FROM items")),
        "settled": text(one("SELECT sum(tendered - change_given) FROM payments")),
        "sales": one("SELECT count(DISTINCT sale_id) FROM sales"),
        "receipts": one("SELECT count(*) FROM (SELECT DISTINCT store_id, register, receipt_counter FROM sales)"),
        "adjustments": one("SELECT count(DISTINCT adjustment_id) FROM adjustments"),
        "stores": one("SELECT count(*) FROM stores"),
        "days": {
            str(day): text(total)
            for day, total in db.execute(
                "SELECT business_date, sum(total) FROM sales GROUP BY 1"
            ).fetchall()
        },
        "onHand": {
            sku: text(units)
            for sku, units in db.execute("SELECT sku, sum(on_hand) FROM stock GROUP BY 1").fetchall()
        },
    }


def with_pandas():
    def table(name):
        return pandas.read_parquet(f"office/{name}")

    sales, items, payments, stock = (table(n) for n in ["sales", "items", "payments", "stock"])
    days = sales.groupby("business_date")["total"].sum()
    on_hand = stock.groupby("sku")["on_hand"].sum()
    return {
        "total": text(sales["total"].sum()),
        "tax": text(sales["tax"].sum()),
        "gross": text(items["gross"].sum()),
        "net": text(items["net"].sum()),
        "settled": text((payments["tendered"] - payments["change_given"]).sum()),
        "sales": int(sales["sale_id"].nunique()),
        "receipts": len(sales[["store_id", "register", "receipt_counter"]].drop_duplicates()),
        "adjustments": int(table("adjustments")["adjustment_id"].nunique()),
        "stores": len(table("stores")),
        "days": {str(day): text(total) for day, total in days.items()},
        "onHand": {sku: text(units) for sku, units in on_hand.items()},
    }


def documented():
    statements = Path("documented.sql").read_text().split(";")
    db = duckdb.connect()
    for statement in filter(str.strip, statements):
        answer = db.execute(statement)
    [(currency, total)] = answer.fetchall()
    assert currency == "GBP", currency
    return text(total)


def types():
    described = duckdb.execute("DESCRIBE FROM read_parquet('office/sales/*/*.parquet')").fetchall()
    return {row[0]: row[1] for row in described}


print(
    json.dumps(
        {
            "duckdb": with_duckdb(),
            "pandas": with_pandas(),
            "documented": documented(),
            "types": types(),
        }
    )
)
