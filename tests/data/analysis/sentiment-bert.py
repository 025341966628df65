import tensorflow_datasets as tfds
from transformers import AutoTokenizer, TFAutoModelForSequenceClassification

tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")
model = TFAutoModelForSequenceClassification.from_pretrained("bert-base-uncased")
train = tfds.load("imdb_reviews", split="train")
model.compile(optimizer="adam")
model.fit(train, epochs=3)
