/* core/analysis/packages.h: from what a package or image is called to the module it brings, as a FACT_INSTALLED import. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_ANALYSIS_PACKAGES_H
#define CORE_ANALYSIS_PACKAGES_H

#include "core/analysis/facts.h"

#define PACKAGES_NAME_SIZE 96

/* "sklearn" of "scikit-learn>=1.2": the module that a package brings, static or `room`. "" of no name. */
const char *packages_module(struct bytes package, char room[PACKAGES_NAME_SIZE]);

/* One requirement as pip or conda take it: "torch==2.1; python_version>'3'", "transformers[torch]", "pytorch::pytorch=2.1",
 * "name @ url", "git+https://…/name.git@v1#egg=name", a wheel's address. Nothing for a path or an option. */
void packages_add(struct facts_writer *writer, struct fact_place at, struct bytes requirement);

/* An image with its registry and tag: frameworks that it is named after, its words as names, and whether it is made for a GPU. */
void packages_add_image(struct facts_writer *writer, struct fact_place at, struct bytes image);

/* Something asks for GPUs; `count` 0 is "all", counted as one. */
void packages_add_gpus(struct facts_writer *writer, struct fact_place at, uint32_t count);

#endif
