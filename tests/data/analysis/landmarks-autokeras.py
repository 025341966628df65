import autokeras as ak
import numpy as np
import pandas as pd

faces = pd.read_csv("faces.csv").dropna()
pixels = np.array([np.array(row.split(), dtype=float).reshape(96, 96, 1) for row in faces["Image"]])
points = faces.drop(columns="Image").to_numpy()
search = ak.ImageRegressor(max_trials=3)
search.fit(pixels, points, epochs=15)
