import pandas as pd
import xgboost as xgb
from sklearn.model_selection import train_test_split

table = pd.read_csv("churn.csv")
train, test = train_test_split(table)
model = xgb.XGBClassifier(learning_rate=0.3, n_estimators=100)
model.fit(train.drop(columns="left"), train["left"])
print(model.predict_proba(test.drop(columns="left")))
