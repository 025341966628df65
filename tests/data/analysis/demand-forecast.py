import pandas as pd
from prophet import Prophet

history = pd.read_csv("demand.csv")
model = Prophet()
model.fit(history)
forecast = model.predict(model.make_future_dataframe(periods=30))
forecast.to_csv("forecast.csv")
