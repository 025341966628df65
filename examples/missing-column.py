# SPDX-License-Identifier: Apache-2.0
"""A job that fails as real ones do: it works for a few seconds, then asks its table for a column that is not there.

It ends with a KeyError, a traceback on stderr and exit code 1; whoever paid for it gets everything back.
"""
import csv
import random
import time

ROWS = 60_000
FIELDS = ["month", "region", "units", "price"]


def write_sales(path):
    rng = random.Random(1)
    with open(path, "w", newline="") as out:
        table = csv.writer(out)
        table.writerow(FIELDS)
        for _ in range(ROWS):
            table.writerow([rng.randrange(1, 13), rng.choice("NESW"), rng.randrange(1, 40), rng.uniform(5, 90)])


def read_sales(path):
    with open(path, newline="") as table:
        return list(csv.DictReader(table))


def units_by_month(rows):
    months = {}
    for row in rows:
        months[int(row["month"])] = months.get(int(row["month"]), 0) + int(row["units"])
    return months


def revenue_by_region(rows):
    regions = {}
    for row in rows:
        # The table calls it "price": this line is the mistake.
        regions[row["region"]] = regions.get(row["region"], 0.0) + int(row["units"]) * float(row["unit_price"])
    return regions


def step(done, what):
    print(f'::tally progress={done:.2f} operation="{what}"', flush=True)
    time.sleep(1)


step(0.0, "writing the table")
write_sales("sales.csv")
print(f"wrote {ROWS} rows", flush=True)
step(0.3, "reading it back")
sales = read_sales("sales.csv")
step(0.5, "units by month")
print("units by month:", dict(sorted(units_by_month(sales).items())), flush=True)
step(0.7, "revenue by region")
print("revenue by region:", revenue_by_region(sales), flush=True)
