# SPDX-License-Identifier: Apache-2.0
import csv
import pandas as pd

frame = pd.read_csv("sales.csv")
frame.groupby("month").sum().to_csv("by-month.csv")
