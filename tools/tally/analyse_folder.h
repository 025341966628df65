/* tools/tally/analyse_folder.h: the files of a folder, or several files, handed to the analysis as one job.
 *
 * Folder:  its files in the order of their paths, hidden ones, links and what is no file left out; FOLDER_FILES_MAX of them.
 * Reads:   of each file what the analysis wants to see; nothing is executed. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_TALLY_ANALYSE_FOLDER_H
#define TOOLS_TALLY_ANALYSE_FOLDER_H

#include "core/analysis/analysis.h"

#define FOLDER_FILES_MAX 20000
#define FOLDER_DEPTH_MAX 32

/* `paths`: one folder, or files, which are called by their base names. `entry`: NULL, or the path below the folder. */
MUST_CHECK enum err_code analyse_several(char *const *paths, size_t count, const char *entry,
                                         struct arena *arena, struct analysis *ret,
                                         struct err *err);
bool analyse_is_folder(const char *path);

#endif
