from absl import app, flags
import tensorflow as tf

flags.DEFINE_integer("num_epochs", 7, "how often")
flags.DEFINE_integer("batch_size", 128, help="of images")
flags.DEFINE_string("dataset", "imagenet", "which")
app.run(lambda _: tf.keras.applications.ResNet50().fit())
