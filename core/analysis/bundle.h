/* core/analysis/bundle.h: several files that are one job: which one starts it, what it reaches, what data come with it.
 *
 * Shape:   files are added in any order; bundle_choose says which are used, the one that starts the job first.
 * Entry:   the first rule that leaves one file decides:
 *            1. the one that was named; 2. the only script (Python or notebook), tests, setup.py and __init__.py not counted; 3. of main.py,
 *            train.py, run.py that stand highest in the folders the one that no other file imports; 4. the one with `if __name__ ==
 *            "__main__":` that no other file imports; 5. the one that the launchers (shell, Dockerfile, compose) name;
 *            6. the one that no other file imports.
 *          Without any script: the only launcher, then the only Dockerfile or compose file, then the requirements.
 *          Otherwise it is a question, which lists the candidates.
 * Reached: what the entry imports, and those in turn: modules of the bundle, found as Python finds them in the importer's folder and in
 *          the folders above it. With them: every requirements file, and the launcher that names the entry. What is not
 *          reached says nothing about the job.
 * Data:    counted by class; a few files of each format are looked into.
 * Bounds:  BUNDLE_SOURCES_MAX files of code, `bundle_size_max` bytes of them read, together_time_max_ms for all of them.
 * Owner:   everything is copied to the arenas given; an added file's content to `contents`. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_ANALYSIS_BUNDLE_H
#define CORE_ANALYSIS_BUNDLE_H

#include "core/analysis/dataset.h"
#include "core/analysis/deadline.h"

#define BUNDLE_SOURCES_MAX 256

struct bundle_file {
    struct analysis_file shown; /* path, kind, size, role, error */
    struct bytes content;
    bool starts;      /* Python with `if __name__ == "__main__":` */
    bool is_imported; /* by another file of the bundle */
    bool is_launched; /* named by a launcher */
    bool
        runs; /* its top level is executed whenever the job is: the entry, and what is imported by such a file unconditionally */
};

#define BUNDLE_MODELS_MAX 64

/* What the paths of all its files say (bundle_paths.c). */
struct bundle_paths {
    uint64_t
        modules; /* packages of core/base/software.h that a module, or a wheel in wheels/, is called like */
    uint64_t folders; /* … or that a folder with Python in it is called like */
    const char *top;  /* the folder that everything is in; "": none; NULL: nothing is there */
    const char *models[BUNDLE_MODELS_MAX]; /* folders with a model in them */
    size_t model_count;
    bool has_more_models;
};

struct bundle_data {
    uint64_t files[DATA_CLASSES];
    uint64_t bytes[DATA_CLASSES];
    uint64_t rows;            /* of the tabular files looked into, scaled to their sizes */
    uint64_t bytes_with_rows; /* of those files */
    struct parameters
        example; /* what the first file of the largest class that was looked into says */
    enum data_class example_class;
    const char *example_path;
    uint32_t looked_into[DATA_CLASSES];
    bool sampled;
};

struct bundle {
    const struct analysis_limits *limits;
    struct arena *arena;    /* what lives as long as the analysis */
    struct arena *contents; /* what lives as long as the bundle */
    bool
        loose; /* files that somebody picked one by one: one that nobody reads is an error of its own */
    struct bundle_file *files;
    size_t count;
    uint64_t
        others; /* files that are carried along and not read: licences, settings, what is past BUNDLE_SOURCES_MAX */
    uint64_t bytes; /* of all files */
    struct bundle_data data;
    struct bundle_paths paths;
    bool cut;
    struct deadline deadline; /* of everything that is done with it */
    uint64_t edges[BUNDLE_SOURCES_MAX]
                  [BUNDLE_SOURCES_MAX / 64]; /* [importer or launcher] bit of the named file */
    uint64_t sure_edges[BUNDLE_SOURCES_MAX]
                       [BUNDLE_SOURCES_MAX / 64]; /* of them imports that are always executed */
};

/* False: ERR_TIMEOUT is said. */
MUST_CHECK bool bundle_has_time(const struct bundle *bundle, struct err *err);
/* `bundle` is large: on the heap. Its time begins. Errors: ERR_NOMEM. */
MUST_CHECK enum err_code bundle_init(struct bundle *bundle, const struct analysis_limits *limits,
                                     struct arena *arena, struct arena *contents, bool loose,
                                     struct err *err);
/* How many of a file's first bytes bundle_add is to see. */
size_t bundle_wants(const struct bundle *bundle, const char *path, uint64_t size);
/* A file that cannot be read is one with an error, not an error here. Errors: ERR_INVALID (a listed file has this path), ERR_NOMEM. */
MUST_CHECK enum err_code bundle_add(struct bundle *bundle, const char *path, uint64_t size,
                                    struct bytes content, struct err *err);
/* Files of code or environment without an error; 0: the bundle is data. */
size_t bundle_source_count(const struct bundle *bundle);
/* `entry`: the path of the file that starts the job, NULL: by the rules. `ret_order` has BUNDLE_SOURCES_MAX places: indexes of the files
 * to read, the entry first. `ret_why`: the rule in words. Errors: ERR_INVALID (none, or a question), ERR_NOMEM. */
MUST_CHECK enum err_code bundle_choose(struct bundle *bundle, const char *entry,
                                       uint16_t *ret_order, size_t *ret_count, const char **ret_why,
                                       struct err *err);
/* A file that is added. False: no memory left. */
bool bundle_paths_add(struct bundle *bundle, const char *path);
/* Would `import` of this package (its place in core/base/software.h) find something of the bundle? When in doubt, yes. */
bool bundle_brings(const struct bundle *bundle, const char *entry, unsigned package);
/* Is there a model in a folder that is called or ends like this? When in doubt, yes. */
bool bundle_has_model(const struct bundle *bundle, const char *name);
/* In no folder but the one that everything is in. */
bool bundle_is_at_top(const struct bundle *bundle, const char *path);
/* The class with the most bytes. False: there are no data. */
bool bundle_main_data(const struct bundle *bundle, enum data_class *ret);

#endif
