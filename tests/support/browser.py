# SPDX-License-Identifier: Apache-2.0
"""A real browser without a screen: Chromium, driven through Debian's chromedriver."""
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

CHROMIUM = "/usr/bin/chromium"
DRIVER = "/usr/bin/chromedriver"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync"]


def browser(folder, width=1280, height=900, logs=("browser",)):
    """`folder`: of its profile. `logs`: kept for get_log; "performance" has every request."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in FLAGS + ["--user-data-dir=" + folder]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {name: "ALL" for name in logs})
    driver = webdriver.Chrome(service=Service(DRIVER), options=options)
    driver.set_window_size(width, height)
    return driver
